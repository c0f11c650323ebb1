/**
 * Several clients at once, on one server, on one of two workers, and on two that share a PostgreSQL and a store: every
 * answer is one that some order of what was asked allows, and what was acknowledged is whole afterwards, also when a
 * server or a worker is killed meanwhile.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ServerProcess } from '../cli/server-process.ts'
import { exchange, openDoor, type RequestOptions, sha256, TOKEN } from '../oci/oci-fixture.ts'
import { bytesOf } from '../support/bytes.ts'
import { Choices } from '../support/choices.ts'
import { DATABASES } from '../support/databases.ts'
import { History } from '../support/history.ts'
import { expectWhole, ModelClient, type Send } from '../support/model-client.ts'
import { openTestRegistry } from '../support/open-test-registry.ts'

const SEED = Number(process.env.ARTIFACTSTORE_FUZZ_SEED ?? Date.now() % 1_000_000_007)
const CLIENTS = 6

test('answers to clients that work at once contradict neither each other nor what is there at the end', async () => {
  console.log(`clients: ARTIFACTSTORE_FUZZ_SEED=${SEED}`)
  await using door = await openDoor({ durability: 'relaxed' })
  const history = new History()
  const clients = Array.from({ length: CLIENTS }, (_, i) => new ModelClient(door.send, new Choices(SEED + i), history))
  await Promise.all(clients.map((client) => steps(client, 100)))
  expect(await expectWhole(door.send, history)).toEqual([])
  expect(history.contradictions).toEqual([])
  expect(clients.flatMap(({ problems }) => problems)).toEqual([])
  expect((await door.registry.verifyViews()).differences).toEqual([])
}, 90_000)

test('two servers on one database and store are as one, and the death of one loses nothing', async () => {
  console.log(`servers: ARTIFACTSTORE_FUZZ_SEED=${SEED}`)
  const folder = await mkdtemp(join(tmpdir(), 'two-servers-'))
  const postgres = DATABASES.find(({ engine }) => engine === 'postgresql')!
  const { location, drop } = await postgres.createMigrated(folder)
  if (location.kind !== 'postgresql') throw new Error('the second engine is PostgreSQL')
  const env = {
    ARTIFACTSTORE_DATABASE_URL: location.url,
    ARTIFACTSTORE_STORAGE_LOCAL_ROOT: join(folder, 'storage'),
    ARTIFACTSTORE_AUTH_TOKENS: `ci:${TOKEN}`,
  }
  const [first, second] = [await ServerProcess.start(env), await ServerProcess.start(env)]
  try {
    const history = new History()
    const servers = [first, second]
    const send =
      (index: number): Send =>
      (method, path, options) =>
        reach(servers[index % servers.length]!, method, path, options)
    const clients = Array.from({ length: CLIENTS }, (_, i) => {
      let count = i
      // Each request at the other server: what one has acknowledged the other must know.
      const each: Send = (...request) => send(count++)(...request)
      return new ModelClient(each, new Choices(SEED + i), history)
    })
    await Promise.all(clients.map((client) => steps(client, 15)))
    const bytes = bytesOf(200_000, 7)
    const begun = await send(1)('POST', '/v2/team/moved/blobs/uploads/')
    const upload = begun!.headers.get('location')!
    expect((await send(1)('PATCH', upload, { body: bytes.subarray(0, 90_000) }))?.status).toBe(202)
    const working = Promise.all(clients.map((client) => steps(client, 20)))
    await new Promise((resolve) => setTimeout(resolve, 500))
    await second.stop('SIGKILL')
    servers.pop()
    await working
    expect((await send(0)('GET', upload))?.headers.get('range')).toBe('0-89999')
    const done = await send(0)('PUT', `${upload}?digest=${sha256(bytes)}`, { body: bytes.subarray(90_000) })
    expect(done?.status).toBe(201)
    expect((await send(0)('GET', `/v2/team/moved/blobs/${sha256(bytes)}`))?.bytes.equals(bytes)).toBe(true)
    await Promise.all(clients.map((client) => steps(client, 10)))
    expect(await expectWhole(send(0), history)).toEqual([])
    expect(history.contradictions).toEqual([])
    expect(clients.flatMap(({ problems }) => problems)).toEqual([])
    await first.stop('SIGTERM')
    const { registry } = await openTestRegistry({
      folder,
      location,
      isMigrated: true,
      dependencies: { soleServer: false },
    })
    expect((await registry.verifyViews()).differences).toEqual([])
    await registry.dispose()
  } finally {
    await first.remove()
    await second.remove()
    await drop()
    await rm(folder, { recursive: true, force: true })
  }
}, 120_000)

test.each(DATABASES)(
  'two workers on $engine are as one server, and the death of one loses nothing',
  async (engine) => {
    console.log(`workers: ARTIFACTSTORE_FUZZ_SEED=${SEED}`)
    const folder = await mkdtemp(join(tmpdir(), 'two-workers-'))
    const { location, drop } = await engine.createMigrated(folder)
    const server = await ServerProcess.start({
      ARTIFACTSTORE_WORKERS: '2',
      ARTIFACTSTORE_DATABASE_URL: location.kind === 'sqlite' ? `sqlite:///${location.path}` : location.url,
      ARTIFACTSTORE_STORAGE_LOCAL_ROOT: join(folder, 'storage'),
      ARTIFACTSTORE_AUTH_TOKENS: `ci:${TOKEN}`,
    })
    try {
      const history = new History()
      const send: Send = (method, path, options) => reach(server, method, path, options)
      const clients = Array.from({ length: CLIENTS }, (_, i) => new ModelClient(send, new Choices(SEED + i), history))
      await Promise.all(clients.map((client) => steps(client, 20)))
      const before = await untilAnswered(server, 2)
      const working = Promise.all(clients.map((client) => steps(client, 30)))
      await new Promise((resolve) => setTimeout(resolve, 300))
      process.kill(before[0]!, 'SIGKILL')
      await working
      await untilAnswered(server, 3)
      await Promise.all(clients.map((client) => steps(client, 10)))
      expect(await expectWhole(send, history)).toEqual([])
      expect(history.contradictions).toEqual([])
      expect(clients.flatMap(({ problems }) => problems)).toEqual([])
      expect(await server.stop('SIGTERM')).toBe(0)
      const dependencies = { soleServer: false }
      const { registry } = await openTestRegistry({ folder, location, isMigrated: true, dependencies })
      expect((await registry.verifyViews()).differences).toEqual([])
      expect((await registry.verifyLog()).problem).toBeUndefined()
      await registry.dispose()
    } finally {
      await server.remove()
      await drop()
      await rm(folder, { recursive: true, force: true })
    }
  },
  120_000,
)

/** Resolves with the ids of the workers when that many have answered a request, as the log tells. */
async function untilAnswered(server: ServerProcess, count: number): Promise<number[]> {
  for (;;) {
    const seen = new Set([...server.stdout.matchAll(/"pid":(\d+),"requestId"/g)].map(([, pid]) => Number(pid)))
    if (seen.size >= count) return [...seen]
    // Each on a new connection, which may be any worker's.
    await exchange(server.apiUrl, 'GET', '/health', { headers: { connection: 'close' } })
  }
}

async function steps(client: ModelClient, count: number): Promise<void> {
  for (let step = 0; step < count; step += 1) await client.step()
}

/** Undefined when the server is gone. */
async function reach(server: ServerProcess, method: string, path: string, options: RequestOptions = {}) {
  try {
    return await exchange(server.apiUrl, method, path, options)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
