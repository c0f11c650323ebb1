/**
 * What a durable commit costs on SQLite, and how long it holds the event loop: the measurement behind ADR 0004. The same
 * two statements a commit in three arrangements, and what the product's own writer makes of the third. In short rounds, one arrangement after the other, so that whatever
 * else the disk does meets all of them; each figure is the median of its rounds. Asserts nothing.
 *
 *     node bench/commit-latency.ts [--quick] [folder on the disk to measure]
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Sqlite from 'better-sqlite3'
import { MIGRATIONS } from '../migrations/index.ts'
import { GroupFlush } from '../src/registry/database/group-flush.ts'
import { openSqlite } from '../src/registry/database/sqlite.ts'
import { migrate } from '../src/registry/index.ts'
import { createRecorder } from '../src/registry/record.ts'

const ROUNDS = process.argv.includes('--quick') ? 1 : 9
const SECONDS = 0.5
const disk = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? tmpdir()
const PAYLOAD = randomBytes(300)

interface Arrangement {
  /** Resolves when the commit is on disk. */
  commit(): Promise<void>
  flushes(): number
  close(): Promise<void>
}

const ARRANGEMENTS: Readonly<Record<string, (path: string) => Promise<Arrangement>>> = {
  'synchronous=FULL, a commit for each': async (path) => full(path, { shared: false }),
  'synchronous=FULL, a commit for all who wait': async (path) => full(path, { shared: true }),
  'NORMAL, one asynchronous fdatasync for all who wait': (path) => flushed(path),
  'record(): the same with chain, head and identities': (path) => product(path),
}

function connect(
  path: string,
  synchronous: 'FULL' | 'NORMAL',
): { begin(): void; insert(): void; commit(): void; db: Sqlite.Database } {
  const db = new Sqlite(path)
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${synchronous}`)
  db.exec('CREATE TABLE head (id INTEGER PRIMARY KEY, sequence INTEGER); INSERT INTO head VALUES (1, 0)')
  db.exec('CREATE TABLE log (sequence INTEGER PRIMARY KEY, kind TEXT, subject TEXT, payload BLOB, digest BLOB)')
  const insert = db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)')
  const head = db.prepare('UPDATE head SET sequence = ? WHERE id = 1')
  let sequence = 0
  return {
    db,
    begin: () => void db.exec('BEGIN IMMEDIATE'),
    insert: () => void insert.run(++sequence, 'v1.blob.linked', randomUUID(), PAYLOAD, PAYLOAD.subarray(0, 32)),
    commit: () => {
      head.run(sequence)
      db.exec('COMMIT')
    },
  }
}

function full(path: string, { shared }: { shared: boolean }): Arrangement {
  const sql = connect(path, 'FULL')
  let commits = 0
  const commitBatch = (count: number): void => {
    sql.begin()
    for (let n = 0; n < count; n++) sql.insert()
    sql.commit()
    commits += 1
  }
  const waiting = batches(async (batch) => {
    commitBatch(batch.length)
    for (const answer of batch) answer()
  })
  return {
    commit: shared ? waiting : async () => commitBatch(1),
    flushes: () => commits,
    close: async () => void sql.db.close(),
  }
}

async function flushed(path: string): Promise<Arrangement> {
  const sql = connect(path, 'NORMAL')
  sql.db.pragma('wal_autocheckpoint = 0')
  const wal = await open(`${path}-wal`, 'r')
  let flushes = 0
  const flush = new GroupFlush(async () => {
    flushes += 1
    await wal.datasync()
  })
  const commit = batches(async (batch) => {
    sql.begin()
    for (const _ of batch) sql.insert()
    sql.commit()
    // The next batch is decided while this one waits for the disk.
    void flush.flush().then(() => {
      for (const answer of batch) answer()
    })
  })
  const close = async (): Promise<void> => {
    await flush.settled()
    await wal.close()
    sql.db.close()
  }
  return { commit, flushes: () => flushes, close }
}

async function product(path: string): Promise<Arrangement> {
  await migrate({ location: { kind: 'sqlite', path }, migrations: MIGRATIONS, views: [] })
  const database = await openSqlite({ path, durability: 'durable' })
  let flushes = 0
  const recorder = createRecorder({
    database: {
      ...database,
      flush: () => {
        flushes += 1
        return database.flush()
      },
    },
    apply: async () => undefined,
    clock: Date.now,
    ids: { uuid: randomUUID },
    onFlushFailure: (error) => {
      throw error
    },
  })
  const events = () => [
    {
      type: 'v1.tag.deleted' as const,
      subjectKind: 'repository' as const,
      subjectId: randomUUID(),
      payload: { tag: 'latest', salt: PAYLOAD },
    },
  ]
  return {
    commit: () => recorder.record('bench', async () => ({ events: events(), result: undefined })),
    flushes: () => flushes,
    close: async () => {
      await recorder.close()
      await database.close()
    },
  }
}

/** Everyone who asks before the running batch ends shares the next one. */
function batches(run: (batch: (() => void)[]) => Promise<void>): () => Promise<void> {
  let waiting: (() => void)[] = []
  let isScheduled = false
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (isScheduled) return
      isScheduled = true
      setImmediate(() => {
        isScheduled = false
        const batch = waiting
        waiting = []
        void run(batch)
      })
    })
}

interface Round {
  readonly commits: number
  readonly syncs: number
  readonly median: number
  readonly p99: number
  /** Milliseconds. */
  readonly held: number
}

async function measure(name: string, writers: number): Promise<Round> {
  const folder = await mkdtemp(join(disk, 'artifactstore-bench-'))
  const arrangement = await ARRANGEMENTS[name]!(join(folder, 'log.db'))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const latencies: number[] = []
  const started = performance.now()
  delay.enable()
  const write = async (): Promise<void> => {
    while (performance.now() - started < SECONDS * 1_000) {
      const before = performance.now()
      await arrangement.commit()
      latencies.push(performance.now() - before)
      // A server reads its sockets between two requests.
      await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: writers }, write))
  const seconds = (performance.now() - started) / 1_000
  delay.disable()
  await arrangement.close()
  await rm(folder, { recursive: true })
  return {
    commits: latencies.length / seconds,
    syncs: arrangement.flushes() / seconds,
    median: share(latencies, 0.5),
    p99: share(latencies, 0.99),
    held: delay.max / 1e6,
  }
}

function share(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)]!
}

const rows = Object.keys(ARRANGEMENTS).flatMap((name) =>
  [1, 16, 128].map((writers) => ({ name, writers, rounds: [] as Round[] })),
)
for (let round = 0; round < ROUNDS; round++) {
  for (const row of rows) row.rounds.push(await measure(row.name, row.writers))
}
console.log('| arrangement | writers | commits/s | syncs/s | median | p99 | event loop held at most |')
console.log('|---|---|---|---|---|---|---|')
for (const { name, writers, rounds } of rows) {
  const middle = (of: (round: Round) => number): number => share(rounds.map(of), 0.5)
  const rates = [middle(({ commits }) => commits), middle(({ syncs }) => syncs)].map((rate) =>
    Math.round(rate).toLocaleString('en'),
  )
  const times = [middle(({ median }) => median), middle(({ p99 }) => p99), middle(({ held }) => held)].map(
    (ms) => `${ms.toFixed(1)} ms`,
  )
  console.log(`| ${[name, writers, ...rates, ...times].join(' | ')} |`)
}
