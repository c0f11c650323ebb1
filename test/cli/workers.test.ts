/** `artifactstore serve` with several workers: one server in every respect, also when one of them dies. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isRunning } from '../../bench/processes.ts'
import { sha256 } from '../oci/oci-fixture.ts'
import { bytesOf } from '../support/bytes.ts'
import { command, ServerProcess } from './server-process.ts'

/** Of compiled code, for all processes of this file: each server starts three. */
const CACHE = mkdtempSync(join(tmpdir(), 'workers-cache-'))
const ENV = { ARTIFACTSTORE_WORKERS: '2', ARTIFACTSTORE_AUTH_TOKENS: 'abc', NODE_COMPILE_CACHE: CACHE }
afterAll(() => rmSync(CACHE, { recursive: true, force: true }))

let folder: string
let servers: ServerProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'workers-test-'))
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start({ ...ENV, ...env })
  servers.push(server)
  return server
}

function run(env: Readonly<Record<string, string>>) {
  return command(['serve'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: join(folder, 'home'), ...ENV, ...env },
  })
}

describe('workers that must not start end the server as one process ends', () => {
  test('an address that is taken: 5, said once', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const result = await run({ ARTIFACTSTORE_PORT: String(port) })
    taken.close()
    expect(result.code).toBe(5)
    expect(result.stderr.match(/is taken by another program/g)).toHaveLength(1)
  })

  test('a configuration that only they find wrong: 78, said once', async () => {
    writeFileSync(join(folder, 'text.pub'), 'no key')
    const result = await run({ ARTIFACTSTORE_PORT: '0', ARTIFACTSTORE_SIGNING_KEYS: 'text.pub' })
    expect(result.code).toBe(78)
    expect(result.stderr.match(/text\.pub holds no PEM block/g)).toHaveLength(1)
  })

  test('a server that holds the database', async () => {
    const first = await start()
    const second = await command(['serve'], { cwd: first.folder, env: { ...first.env, ARTIFACTSTORE_PORT: '0' } })
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`is already served by process ${first.pid} on`)
  })

  test('one in the place of one that died: when several of them cannot, the server ends as they do', async () => {
    const rules = JSON.stringify([{ identities: ['@tokens'], repositories: ['**'], allow: ['pull'] }])
    const users = join(folder, 'users')
    writeFileSync(users, '')
    const server = await start({ ARTIFACTSTORE_USERS_FILE: users, ARTIFACTSTORE_ACCESS_RULES: rules })
    const [victim] = await workersOf(server)
    rmSync(users)
    process.kill(victim!, 'SIGKILL')
    expect(await server.ended()).toBe(78)
    expect(server.stderr).toContain('ARTIFACTSTORE_USERS_FILE cannot be used')
    expect(server.stdout).toContain('a worker cannot start; stopping')
  }, 60_000)
})

describe('several workers', () => {
  let server: ServerProcess
  let base: string
  beforeAll(async () => {
    server = await ServerProcess.start({ ...ENV, ARTIFACTSTORE_PORT: '0' })
    base = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(server.stdout)![1]!
  })
  afterAll(() => server.remove())

  test('share an address that port 0 chose, and count together', async () => {
    const seen = await askAll(() => ask(`${base}/health`))
    for (const { text } of await askAll(() => ask(`${base}/metrics`))) {
      expect(text).toContain(`_duration_seconds_count{route="/health",method="GET",status="200"} ${seen.length}\n`)
      expect(text).not.toContain('process_start_time_seconds ')
    }
  })

  test('go on with an upload that another of them has begun', async () => {
    const [bytes, size] = [bytesOf(3_000_000, 3), 50_000]
    let at = (await ask(`${base}/v2/team/app/blobs/uploads/`, { method: 'POST' })).headers.location!
    let sent = 0
    await askAll(async () => {
      const answer = await ask(`${base}${at}`, { method: 'PATCH', body: bytes.subarray(sent, sent + size) })
      expect(answer.status).toBe(202)
      at = answer.headers.location!
      sent += size
      return answer
    })
    const body = bytes.subarray(0, sent)
    const digest = sha256(body)
    expect((await ask(`${base}${at}?digest=${digest}`, { method: 'PUT' })).status).toBe(201)
    for (const got of await askAll(() => ask(`${base}/v2/team/app/blobs/${digest}`))) {
      expect(got.bytes.equals(body)).toBe(true)
    }
  })

  test('refuse a token a second after it was revoked, all of them', async () => {
    const body = JSON.stringify({ scopes: ['repository:team/*:pull'], note: 'for a test' })
    const made = await ask(`${base}/tokens`, { method: 'POST', body, headers: JSON_BODY })
    const { secret: token, id } = JSON.parse(made.text) as { secret: string; id: string }
    const statuses = async () =>
      new Set((await askAll(() => ask(`${base}/v2/`, { token }))).map(({ status }) => status))
    expect(await statuses()).toEqual(new Set([200]))
    expect((await ask(`${base}/tokens/${id}`, { method: 'DELETE' })).status).toBe(200)
    await sleep(1_000)
    expect(await statuses()).toEqual(new Set([401]))
  })

  test('know at once the key that another of them has begun to sign with', async () => {
    const signed = async () => {
      const { text } = await ask(`${base}/token?service=artifact-store&scope=repository:team/app:pull`)
      return (JSON.parse(text) as { token: string }).token
    }
    const use = async (token: string) =>
      new Set((await askAll(() => ask(`${base}/v2/team/app/tags/list`, { token }))).map(({ status }) => status))
    const before = await signed()
    expect(await use(before)).not.toContain(401)
    expect((await ask(`${base}/token-keys`, { method: 'POST' })).status).toBeLessThan(300)
    expect(await use(await signed())).not.toContain(401)
    expect(await use(before)).not.toContain(401)
  })

  test('tell whoever waits for events what another of them recorded', async () => {
    const headers = { accept: 'application/json' }
    const { text } = await ask(`${base}/events`, { headers })
    const after = `${base}/events?after=${(JSON.parse(text) as { next_cursor: string }).next_cursor}&wait=10`
    const waiting = Array.from({ length: 60 }, () => ask(after, { headers }))
    await sleep(300)
    expect((await createPackage(base)).status).toBe(201)
    const answers = await Promise.all(waiting)
    for (const answer of answers) expect(answer.text).toContain('v1.package.created')
    expect(new Set(answers.map(workerOf)).size).toBe(2)
  })

  test('write whole lines, each saying whose it is', async () => {
    await Promise.all(Array.from({ length: 200 }, () => ask(`${base}/health`)))
    expect(await server.stop('SIGTERM')).toBe(0)
    const lines = server.stdout.trim().split('\n')
    const pids = lines.map((line) => JSON.parse(line) as { pid: number }).map(({ pid }) => pid)
    expect([pids[0], pids.at(-1), new Set(pids).size]).toEqual([server.pid, server.pid, 3])
    expect(server.stderr).toBe('')
  })
})

describe('the end', () => {
  test('of a worker by kill -9: another takes its place, and meanwhile the others answer', async () => {
    const server = await start()
    const before = await workersOf(server)
    process.kill(before[0]!, 'SIGKILL')
    // What the kernel had given to the dead one is refused, not kept waiting; what comes then is answered.
    await sleep(50)
    for (let n = 0; n < 10; n += 1) expect((await ask(`${server.apiUrl}/health`)).status).toBe(200)
    const now = await workersOf(server)
    expect([now.includes(before[0]!), now.includes(before[1]!)]).toEqual([false, true])
    expect(server.stdout).toContain('a worker died; another takes its place')
    expect((await createPackage(server.apiUrl)).status).toBe(201)
  }, 30_000)

  test('of the first process by kill -9: the workers end by themselves, and another server can take its place', async () => {
    const server = await start()
    const workers = await workersOf(server)
    await server.stop('SIGKILL')
    await server.start()
    expect(workers.map(isRunning)).toEqual([false, false])
    expect((await createPackage(server.apiUrl)).status).toBe(201)
  }, 30_000)

  test('of the first process while a worker stands still: no other server begins before that worker is gone', async () => {
    const server = await start()
    const [still] = await workersOf(server)
    process.kill(still!, 'SIGSTOP')
    await server.stop('SIGKILL')
    const refused = await command(['serve'], { cwd: server.folder, env: server.env })
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is already served by process')])
    process.kill(still!, 'SIGCONT')
    await server.start()
    expect((await createPackage(server.apiUrl)).status).toBe(201)
  }, 60_000)

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s to all processes: running requests are answered, 0',
    async (signal) => {
      const server = await start()
      const uploads = await Promise.all(Array.from({ length: 6 }, () => beginUpload(server)))
      server.signalGroup(signal)
      await untilLogged(server, 'draining')
      await sleep(300)
      await expect(ask(`${server.apiUrl}/health`)).rejects.toThrow()
      for (const upload of uploads) upload.finish()
      for (const upload of uploads) expect(await upload.answer).toMatch(/^HTTP\/1\.1 201 /)
      expect(await server.ended()).toBe(0)
      expect(server.stdout.trim().split('\n').at(-1)).toContain('"msg":"stopped"')
    },
    30_000,
  )

  test('by a second signal is at once', async () => {
    const server = await start()
    await beginUpload(server)
    server.signal('SIGTERM')
    await untilLogged(server, 'draining')
    server.signal('SIGTERM')
    expect(await server.ended()).toBe(143)
  }, 30_000)

  test('by a flush that failed in one of them: all end, 74', async () => {
    const server = await start({ ARTIFACTSTORE_FAILPOINTS: 'record.before-flush=error:EIO@3' })
    const workers = await workersOf(server)
    const ended = server.ended()
    const isEnded = ended.then(() => true)
    while (!(await Promise.race([isEnded, createPackage(server.apiUrl).then(() => false)]).catch(() => false)))
      await sleep(20)
    expect(await ended).toBe(74)
    expect(workers.map(isRunning)).toEqual([false, false])
    expect(server.stdout).toContain('could not be flushed')
  }, 30_000)
})

interface Asked {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly bytes: Buffer
  readonly text: string
}

/** On a connection of its own, which may be any worker's. */
async function ask(
  url: string,
  options: { method?: string; body?: string | Uint8Array; token?: string; headers?: Record<string, string> } = {},
): Promise<Asked> {
  const { method = 'GET', body, token = 'abc' } = options
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream', ...options.headers }
  const asked = request(url, { method, headers, agent: false })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const chunks = await answer.toArray()
  const bytes = Buffer.concat(chunks as Buffer[])
  return { status: answer.statusCode!, headers: answer.headers, bytes, text: bytes.toString() }
}

const JSON_BODY = { 'content-type': 'application/json' }
const PACKAGE = JSON.stringify({ name: 'n', producer: 'p', subject: 's', retention_class: 'transient' })

function createPackage(base: string): Promise<Asked> {
  return ask(`${base}/packages`, { method: 'POST', body: PACKAGE, headers: JSON_BODY })
}

/** A blob whose body is half sent. */
async function beginUpload(server: ServerProcess): Promise<{ finish(): void; answer: Promise<string> }> {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => undefined)
  const digest = 'sha256:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7'
  const target = `POST /v2/team/app/blobs/uploads/?digest=${digest} HTTP/1.1`
  const head = [target, 'Host: x', 'Authorization: Bearer abc', 'Content-Length: 5', 'Connection: close']
  socket.write(`${head.join('\r\n')}\r\n\r\nwo`)
  const answer = socket.toArray().then((chunks) => Buffer.concat(chunks as Buffer[]).toString())
  answer.catch(() => undefined)
  await sleep(200)
  return { finish: () => socket.write('rld'), answer }
}

/** A process numbers its requests under a prefix of its own. */
function workerOf({ headers }: Asked): string {
  return String(headers['x-request-id']).split('-')[0]!
}

/** Repeats it, at least twice, until each of the two workers has answered. */
async function askAll(asks: () => Promise<Asked>): Promise<Asked[]> {
  const answers: Asked[] = []
  while (new Set(answers.map(workerOf)).size < 2) answers.push(await asks())
  return answers
}

/** Their process ids, as the log shows them a quarter of a second late. */
async function workersOf(server: ServerProcess): Promise<number[]> {
  const answers = await askAll(() => ask(`${server.apiUrl}/openapi.json`))
  const prefixes = [...new Set(answers.map(workerOf))]
  const pidOf = (prefix: string) => new RegExp(`"pid":(\\d+),"requestId":"${prefix}-`).exec(server.stdout)?.[1]
  while (prefixes.some((prefix) => pidOf(prefix) === undefined)) await sleep(50)
  return prefixes.map((prefix) => Number(pidOf(prefix)))
}

async function untilLogged(server: ServerProcess, word: string): Promise<void> {
  while (!server.stdout.includes(word)) await sleep(10)
}
