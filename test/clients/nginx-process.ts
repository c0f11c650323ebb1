/** nginx on loopback, ending TLS, as docs/reverse-proxy.md configures it: a child of the test, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, connect } from 'node:tls'
import { generate } from 'selfsigned'
import { freePort } from '../cli/server-process.ts'
import { markedBlocks } from '../docs/marked-blocks.ts'

const COMMAND = process.env.NGINX ?? '/usr/sbin/nginx'
const PAGE = new URL('../../docs/reverse-proxy.md', import.meta.url)

export interface NginxProcess {
  readonly port: number
  /** Of the certificate that it shows, which stands for `localhost`. */
  readonly certificate: string
  stop(): Promise<void>
}

/** In front of the server on `127.0.0.1:upstream`. `storageRoot`: nginx sends stored files itself, as the page says. */
export async function startNginx(upstream: number, storageRoot?: string): Promise<NginxProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  const port = await freePort()
  const names = [{ type: 2 as const, value: 'localhost' }]
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: names }],
  })
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key)
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, { port, upstream, storageRoot }))
  const child = spawn(COMMAND, ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said += text
  })
  const stop = async (): Promise<void> => {
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await untilListening({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' }, child)
  } catch (error) {
    await stop()
    throw new Error(`nginx did not start (Debian's package is 'nginx'): ${said || String(error)}`)
  }
  return { port, certificate: cert, stop }
}

/** The page's own lines, with this machine's ports and paths in the place of the reader's. Each must be there. */
function configuration(
  folder: string,
  { port, upstream, storageRoot }: { port: number; upstream: number; storageRoot: string | undefined },
): string {
  const page = readFileSync(PAGE, 'utf8')
  let [block = ''] = markedBlocks(page, 'reverse-proxy')
  if (storageRoot !== undefined) {
    const [files = ''] = markedBlocks(page, 'reverse-proxy-files')
    block = block.replace(/\}\s*$/, `${files}}\n`)
  }
  const here = {
    ...(storageRoot !== undefined && { '/var/lib/artifactstore/storage': storageRoot }),
    'server 127.0.0.1:8000;': `server 127.0.0.1:${upstream};`,
    'listen 443 ssl;': `listen 127.0.0.1:${port} ssl;`,
    'server_name registry.example;': 'server_name localhost;',
    '/etc/ssl/registry.example.pem': join(folder, 'cert.pem'),
    '/etc/ssl/registry.example.key': join(folder, 'key.pem'),
  }
  for (const [there, own] of Object.entries(here)) {
    if (!block.includes(there)) throw new Error(`docs/reverse-proxy.md has no '${there}' any more`)
    block = block.replace(there, own)
  }
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => {
    mkdirSync(join(folder, name))
    return `  ${name}_temp_path ${join(folder, name)};`
  })
  return `daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
events {}
http {
  access_log off;
${folders.join('\n')}
${block}}
`
}

async function untilListening(options: ConnectionOptions, child: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    try {
      const socket = connect(options)
      await once(socket, 'secureConnect')
      socket.destroy()
      return
    } catch (error) {
      if (attempt > 200) throw error
      await sleep(50)
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}
