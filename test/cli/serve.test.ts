/** `artifactstore serve` as a process: its token, its refusals, its end; and the commands that look on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandHere } from './in-process.ts'
import { COMMAND, command, ServerProcess } from './server-process.ts'

let folder: string
let servers: ServerProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-test-'))
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start(env)
  servers.push(server)
  return server
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, stdin = '') {
  return command(args, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: join(folder, '.home'), ...env },
    stdin,
  })
}

function client(args: readonly string[], env: Readonly<Record<string, string>>, stdin = '') {
  return commandHere(args, { cwd: folder, env: { HOME: join(folder, '.home'), ...env }, stdin })
}

/** What a command made in its folder, beside Node's cache in its home. */
function made(): string[] {
  return readdirSync(folder).filter((name) => name !== '.home')
}

describe('a server that must not start', () => {
  test('open to others without a token: 78, and nothing was made', async () => {
    const result = await run(['serve'], { ARTIFACTSTORE_HOST: '0.0.0.0', ARTIFACTSTORE_PORT: '0' })
    expect([result.code, result.stdout, made()]).toEqual([78, '', []])
    expect(result.stderr).toContain('ARTIFACTSTORE_AUTH_TOKENS is empty')
  })

  test('a configuration with several faults: all of them, 78', async () => {
    const env = { ARTIFACTSTORE_PORT: 'x', ARTIFACTSTORE_LOG_LEVEL: 'LOUD', ARTIFACTSTORE_AUTH_TOKENS: 'bad token' }
    const result = await run(['serve'], env)
    expect(result.code).toBe(78)
    expect(result.stderr.split('\n').filter((line) => line.startsWith('  - '))).toHaveLength(3)
    expect((await run(['config', 'check'], env)).stderr).toBe(result.stderr)
    expect(made()).toEqual([])
  })

  test('an address that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const result = await run(['serve'], { ARTIFACTSTORE_PORT: String(port) })
    taken.close()
    expect(result.code).toBe(5)
    expect(result.stderr).toMatch(/is taken by another program/)
  })

  test('a token file that holds no token', async () => {
    await run(['migrate'])
    writeFileSync(join(folder, 'var/artifactstore.token'), '')
    const result = await run(['serve'], { ARTIFACTSTORE_PORT: '0' })
    expect(result.code).toBe(78)
    expect(result.stderr).toContain('holds no token')
  })

  test('a second server on the same database is refused and told of the first', async () => {
    const first = await start()
    const second = await command(['serve'], { cwd: first.folder, env: { ...first.env, ARTIFACTSTORE_PORT: '0' } })
    expect(second.code).not.toBe(0)
    expect(second.stderr).toMatch(/artifactstore\.db/)
    expect(second.stderr).not.toMatch(/\n {4}at /)
    expect((await fetch(`${first.apiUrl}/health`)).status).toBe(200)
  })
})

describe('the token of a first start', () => {
  test('is made once, is private, is said once without being shown, and works', async () => {
    const server = await start()
    const file = join(server.folder, 'var/artifactstore.token')
    const token = readFileSync(file, 'utf8').trim()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(token).toMatch(/^[0-9a-f]{64}$/)
    expect(server.stderr).toContain(file)
    expect(server.stderr).toContain(`oras login localhost:${server.port} -u token --password-stdin < ${file}`)
    expect(server.stderr + server.stdout).not.toContain(token)
    const packages = await commandHere(['packages', '--json'], { cwd: server.folder, env: server.env })
    expect(JSON.parse(packages.stdout)).toEqual({ packages: [], more: false })
    const elsewhere = await commandHere(['packages'], {
      cwd: folder,
      env: { ...server.env, HOME: join(folder, '.home') },
    })
    expect(elsewhere.code).toBe(4)

    const said = server.stderr
    expect(await server.stop('SIGTERM')).toBe(0)
    await server.start()
    expect(server.stderr).toBe(said)
    expect(readFileSync(file, 'utf8').trim()).toBe(token)
  }, 30_000)

  test('is not made where one is configured', async () => {
    const server = await start({ ARTIFACTSTORE_AUTH_TOKENS: 'ops:abc' })
    expect(server.stderr).toBe('')
    expect(readdirSync(join(server.folder, 'var'))).not.toContain('artifactstore.token')
    expect((await commandHere(['packages', '--token', 'abc'], { cwd: folder, env: server.env })).code).toBe(0)
  })
})

describe('the end of a server', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: a running request is answered, a new one is not taken, 0',
    async (signal) => {
      const server = await start({ ARTIFACTSTORE_AUTH_TOKENS: 'abc' })
      const { socket, received } = await beginRequest(server)
      server.signal(signal)
      await untilLogged(server, 'draining')
      await expect(fetch(`${server.apiUrl}/health`)).rejects.toThrow()
      socket.write(BODY.slice(20))
      const ended = await server.ended()
      expect(received()).toMatch(/^HTTP\/1\.1 201 /)
      expect(ended).toBe(0)
      expect(server.stdout.trim().split('\n').at(-1)).toContain('"msg":"stopped"')
    },
    30_000,
  )

  test('a second signal ends it at once', async () => {
    const server = await start({ ARTIFACTSTORE_AUTH_TOKENS: 'abc' })
    const { socket } = await beginRequest(server)
    server.signal('SIGTERM')
    await untilLogged(server, 'draining')
    server.signal('SIGTERM')
    expect(await server.ended()).toBe(143)
    socket.destroy()
  }, 30_000)
})

test('log lines are JSON with the levels of the operator guide, and hold no token', async () => {
  const server = await start({
    ARTIFACTSTORE_AUTH_TOKENS: 's3cr3t-t0ken',
    ARTIFACTSTORE_LOG_LEVEL: 'DEBUG',
    ARTIFACTSTORE_PROT: '1',
  })
  await fetch(`${server.apiUrl}/packages`, { headers: { authorization: 'Bearer s3cr3t-t0ken' } })
  await server.stop('SIGTERM')
  const lines = server.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; time: string; msg: string })
  expect(lines[0]).toMatchObject({ level: 'WARNING', msg: expect.stringContaining('did you mean ARTIFACTSTORE_PORT?') })
  for (const { level, time } of lines) {
    expect(['DEBUG', 'INFO', 'WARNING', 'ERROR']).toContain(level)
    expect(new Date(time).toISOString()).toBe(time)
  }
  expect(server.stdout).not.toContain('s3cr3t')
})

describe('migrate', () => {
  test('applies what is pending, then nothing; --fresh without a terminal needs --yes', async () => {
    const first = JSON.parse((await run(['migrate', '--json'])).stdout) as { applied: string[] }
    expect(first.applied.length).toBeGreaterThan(0)
    expect(JSON.parse((await run(['migrate', '--json'])).stdout)).toEqual({ applied: [] })
    const unasked = await run(['migrate', '--fresh'])
    expect([unasked.code, unasked.stdout]).toEqual([2, ''])
    expect(unasked.stderr).toContain('--yes')
    const fresh = JSON.parse((await run(['migrate', '--fresh', '--yes', '--json'])).stdout) as { applied: string[] }
    expect(fresh.applied).toEqual(first.applied)
  }, 30_000)
})

describe('looking on', () => {
  test('events are printed, and followed as they come', async () => {
    const server = await start({ ARTIFACTSTORE_AUTH_TOKENS: 'abc', ARTIFACTSTORE_API_TOKEN: 'abc' })
    const about = ['--producer', 'p', '--subject', 's', '--retention-class', 'transient']
    const push = (name: string) =>
      commandHere(['push', '-', '--name', name, ...about], { cwd: server.folder, env: server.env, stdin: name })
    await push('first')
    const printed = await commandHere(['events', '--json'], { cwd: server.folder, env: server.env })
    const lines = printed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const cursor = lines.pop()!.next_cursor as string
    expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map((_, index) => index + 1))
    expect(lines.map(({ event_type: type }) => type)).toContain('v1.package.finalized')

    const args = ['events', '--follow', '--after', cursor, '--type', 'v1.package.finalized', '--limit', '1']
    const following = commandHere(args, { cwd: server.folder, env: server.env })
    await new Promise((resolve) => setTimeout(resolve, 500))
    await push('second')
    const followed = await following
    expect(followed.code).toBe(0)
    expect(followed.stdout).toMatch(
      /^ +\d+ {2}\S+Z {2}v1\.package\.finalized {2}package \S+ {2}by token:[0-9a-f]{8}\n$/,
    )
    expect((await commandHere(['events', '--after', 'nonsense'], { cwd: server.folder, env: server.env })).code).toBe(5)
  }, 30_000)

  test('manifest, inspect, tag and health say what the server says', async () => {
    const server = await start({ ARTIFACTSTORE_AUTH_TOKENS: 'abc', ARTIFACTSTORE_API_TOKEN: 'abc' })
    const cli = (...args: string[]) => commandHere(args, { cwd: server.folder, env: server.env, stdin: 'content' })
    const about = ['--name', 'n', '--producer', 'p', '--subject', 'evil \u202e', '--retention-class', 'transient']
    const { package_id: id, manifest_digest: digest } = JSON.parse(
      (await cli('push', '-', ...about, '--json')).stdout,
    ) as {
      package_id: string
      manifest_digest: string
    }
    const manifest = JSON.parse((await cli('manifest', id)).stdout) as { files: { relative_path: string }[] }
    expect(manifest.files.map((file) => file.relative_path)).toEqual(['stdin'])
    const file = join(server.folder, 'm.cbor')
    await cli('manifest', id, '--format', 'cbor', '-o', file)
    const served = await fetch(`${server.apiUrl}/packages/${id}/manifest`, { headers: { authorization: 'Bearer abc' } })
    expect(readFileSync(file).equals(Buffer.from(await served.arrayBuffer()))).toBe(true)
    expect((await cli('tag', id, 'stable')).stdout).toBe(`p/n:stable is ${id}\n`)
    expect((await cli('tag', id, 'not a tag')).code).toBe(2)
    const inspected = await cli('inspect', 'p/n:stable')
    expect(inspected.stdout).toContain(`manifest   ${digest}`)
    expect(inspected.stdout).toContain('evil \\u{202e}')
    expect(inspected.stdout).not.toContain('\u202e')
    expect(JSON.parse((await cli('health')).stdout)).toMatchObject({ status: 'ok', db: { healthy: true } })
  }, 30_000)

  test('login keeps a token that works, logout forgets it', async () => {
    const server = await start({ ARTIFACTSTORE_AUTH_TOKENS: 'abc' })
    const env = { ARTIFACTSTORE_API_URL: server.apiUrl }
    expect((await client(['login'], env, 'wrong\n')).code).toBe(4)
    expect((await client(['packages'], env)).code).toBe(4)
    expect((await client(['login'], env, 'abc\n')).code).toBe(0)
    expect((await client(['packages'], env)).code).toBe(0)
    expect(statSync(join(folder, '.home/.config/artifactstore/credentials.json')).mode & 0o777).toBe(0o600)
    expect((await client(['logout'], env)).code).toBe(0)
    expect((await client(['packages'], env)).code).toBe(4)
  }, 30_000)

  test('a reader that has enough is no failure', async () => {
    const child = spawn(process.execPath, [COMMAND, '--help'], { cwd: folder, env: { HOME: join(folder, '.home') } })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => {
      stderr += text
    })
    const [code] = (await once(child, 'close')) as [number]
    expect([code, stderr]).toEqual([0, ''])
  })
})

const BODY = JSON.stringify({ name: 'slow', producer: 'p', subject: 's', retention_class: 'transient' })

/** A request whose body is half sent. */
async function beginRequest(server: ServerProcess): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(server.port, '127.0.0.1')
  let text = ''
  socket.on('data', (bytes: Buffer) => {
    text += bytes
  })
  await once(socket, 'connect')
  const head = ['POST /packages HTTP/1.1', 'Host: x', 'Authorization: Bearer abc', 'Content-Type: application/json']
  socket.write(`${head.join('\r\n')}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 20)}`)
  await new Promise((resolve) => setTimeout(resolve, 200))
  return { socket, received: () => text }
}

async function untilLogged(server: ServerProcess, word: string): Promise<void> {
  while (!server.stdout.includes(word)) await new Promise((resolve) => setTimeout(resolve, 10))
}
