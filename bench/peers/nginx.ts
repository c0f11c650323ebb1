/** nginx serving a folder of files as they are: what static bytes cost on this machine, where nobody asks whose they are. */
import { access, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { untilAnswered } from '../answered.ts'
import type { Missing, Running } from '../contestant.ts'
import { processTree, removeFolder, runChild, startChild, stopChild, temporaryFolder } from '../processes.ts'
import { freePort } from '../server-process.ts'
import { writeFilled } from './template.ts'

const COMMAND = process.env.NGINX ?? '/usr/sbin/nginx'

/** Its title with its version, such as `nginx 1.22.1`. */
export async function findNginx(): Promise<{ readonly title: string } | Missing> {
  const why = `There is no ${COMMAND}: install nginx, or name it in NGINX.`
  if (await access(COMMAND).catch(() => 'absent')) return { id: 'nginx', title: 'nginx', why }
  const { stderr } = await runChild(COMMAND, ['-v'])
  const [, version = ''] = /nginx\/(\S+)/.exec(stderr) ?? []
  return { title: `nginx ${version}`.trim() }
}

/** Serves the files below `files` under their paths. */
export function startNginx(files: string): Promise<Running> {
  return start('nginx.conf', { files })
}

/** In front of ours, whose stored files below `files` it sends itself. */
export function startNginxBefore(upstream: string, files: string): Promise<Running> {
  return start('ours-nginx.conf', { files, upstream: new URL(upstream).port })
}

async function start(template: string, values: Readonly<Record<string, string>> & { files: string }): Promise<Running> {
  const { files } = values
  const folder = await temporaryFolder('artifactstore-nginx-')
  const port = await freePort()
  const configuration = join(folder, 'nginx.conf')
  await writeFilled(configuration, template, { ...values, folder, port: String(port) })
  const log = await open(join(folder, 'said'), 'a')
  // Of root's children it makes another user's, who may not enter what mkdtemp makes.
  const asRoot = process.getuid?.() === 0 ? ['-g', 'user root;'] : []
  const child = startChild(COMMAND, ['-e', join(folder, 'error.log'), '-c', configuration, ...asRoot], {
    stdio: ['ignore', log.fd, log.fd],
  })
  await log.close()
  const url = `http://127.0.0.1:${port}`
  await untilAnswered(url, child, { said: () => readFile(join(folder, 'said'), 'utf8') })
  return {
    url,
    folder: files,
    headers: {},
    startMs: 0,
    pids: () => processTree(child.pid!),
    async stop() {
      await stopChild(child)
      await removeFolder(folder)
    },
  }
}
