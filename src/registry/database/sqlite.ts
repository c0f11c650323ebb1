/**
 * SQLite in WAL mode, arranged so that the event loop never waits for the disk (ADR 0004): the writer commits without
 * syncing (`synchronous=NORMAL`, no automatic checkpoint), one asynchronous fdatasync of the WAL releases everyone who
 * committed before it began, and a worker thread checkpoints.
 * Nothing here opens the database file or its `-shm` except through SQLite: closing any other descriptor of them would
 * drop SQLite's POSIX locks for the whole process (core-rules 4).
 */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'
import { startThread } from '../../storage/index.ts'
import { RegistryError } from '../errors.ts'
import { type Database, SQLITE_TRAITS, type Sql, type SqlValue, type WriteConnection } from './sql.ts'
import { turnReader } from './turn-reader.ts'

/** A PASSIVE checkpoint starts when the WAL is this long. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024
const CHECKPOINT_FLUSHES = 256
/** Writers pause once for a truncating checkpoint when it is this long. */
const TRUNCATE_BYTES = 128 * 1024 * 1024
/** Each waits a second for readers that are in the way. */
const EMPTY_ATTEMPTS = 5
const BUSY_RETRY_MS = 2
const BUSY_LIMIT_MS = 30_000

export interface SqliteOptions {
  readonly path: string
  readonly durability: 'durable' | 'relaxed'
}

export async function openSqlite({ path, durability }: SqliteOptions): Promise<Database> {
  mkdirSync(dirname(path), { recursive: true })
  const write = connect(path)
  const read = new Sqlite(path, { readonly: true, timeout: 0 })
  read.pragma('mmap_size = 268435456')
  const wal = await openWal(path)
  const reader = turnReader(read, statements(read))
  const checkpointer = startCheckpointer(path, wal)
  return {
    traits: SQLITE_TRAITS,
    reader,
    readVersion: reader.version,
    writer: writeConnection(write, reader.endSnapshot),
    flush: () => (durability === 'durable' ? wal.flush() : wal.measure()).then(checkpointer.nudge),
    snapshot: (work) => snapshot(path, work),
    breathe: () => checkpointer.breathe(),
    scrub: () => checkpointer.empty(),
    durabilityRisk: async () => undefined,
    ping: async () => void reader.get('SELECT 1'),
    close: async () => {
      await checkpointer.stop()
      await wal.close()
      reader.close()
      write.close()
    },
  }
}

/** A connection with the pragmas every writer here needs, also for migrations and command-line jobs. */
export function connect(path: string): Sqlite.Database {
  mkdirSync(dirname(path), { recursive: true })
  // busy_timeout 0: a contended BEGIN would otherwise block the event loop for the whole timeout (core-rules 5).
  const connection = new Sqlite(path, { timeout: 0 })
  connection.pragma('journal_mode = WAL')
  connection.pragma('synchronous = NORMAL')
  connection.pragma('wal_autocheckpoint = 0')
  connection.pragma('secure_delete = ON')
  connection.pragma('temp_store = MEMORY')
  // KiB. The default of 2 MiB is less than one batch touches: pages would be written and read twice.
  connection.pragma('cache_size = -16384')
  return connection
}

/** Holds a write transaction on a SQLite file that serves as nothing but a lock; waits for whoever holds it now. */
export async function openSqliteLock(path: string): Promise<{ close(): void }> {
  mkdirSync(dirname(path), { recursive: true })
  const connection = new Sqlite(path, { timeout: 0 })
  try {
    await retryWhileBusy(() => connection.exec('BEGIN IMMEDIATE'))
  } catch (error) {
    connection.close()
    throw error
  }
  return connection
}

/**
 * Statements prepared once each, by their text. SQLite plans an ordered statement by the values that are bound, and so anew each time that
 * one is: 25 microseconds where the look-up takes 3. It looks at bare parameters only, and `+?` is the same value and none.
 */
export function statements(connection: Sqlite.Database): Sql & { prepare(sql: string): Sqlite.Statement } {
  const prepared = new Map<string, Sqlite.Statement>()
  const prepare = (sql: string): Sqlite.Statement => {
    let statement = prepared.get(sql)
    if (!statement) {
      statement = connection.prepare(sql.replaceAll('?', '+?'))
      prepared.set(sql, statement)
    }
    return statement
  }
  const none: readonly SqlValue[] = []
  return {
    prepare,
    all: <R>(sql: string, params = none) => prepare(sql).all(...params) as R[],
    get: <R>(sql: string, params = none) => prepare(sql).get(...params) as R | undefined,
    run: (sql, params = none) => prepare(sql).run(...params).changes,
  }
}

function writeConnection(connection: Sqlite.Database, committed: () => void): WriteConnection {
  const sql = statements(connection)
  const run = (statement: string): void => void sql.run(statement)
  return {
    ...sql,
    begin: () => retryWhileBusy(() => run('BEGIN IMMEDIATE')),
    commit: () => retryWhileBusy(() => run('COMMIT')).then(committed),
    rollback: () => (connection.inTransaction ? run('ROLLBACK') : undefined),
    savepoint: () => run('SAVEPOINT writer'),
    releaseSavepoint: () => run('RELEASE writer'),
    rollbackToSavepoint: () => {
      run('ROLLBACK TO writer')
      run('RELEASE writer')
    },
    inTransaction: () => connection.inTransaction,
  }
}

async function retryWhileBusy(attempt: () => void): Promise<void> {
  const deadline = performance.now() + BUSY_LIMIT_MS
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (performance.now() > deadline) {
        throw new RegistryError('unavailable', 'Another process holds the database; try again', {}, { cause: error })
      }
      await sleep(BUSY_RETRY_MS)
    }
  }
}

export function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')
}

async function snapshot<T>(path: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const connection = new Sqlite(path, { readonly: true, timeout: 0 })
  try {
    connection.exec('BEGIN')
    return await work(statements(connection))
  } finally {
    connection.close()
  }
}

interface Wal {
  flush(): Promise<void>
  /** For whoever does not flush: a WAL whose length nobody knows would grow for ever. */
  measure(): Promise<void>
  /** Bytes at the last flush or measurement. */
  size(): number
  close(): Promise<void>
}

/** The WAL file, opened for one purpose: to sync what SQLite wrote into it. */
async function openWal(path: string): Promise<Wal> {
  const walPath = `${path}-wal`
  let handle: FileHandle | undefined
  let inode = -1
  let lastSize = 0
  return {
    async flush() {
      const facts = await stat(walPath)
      lastSize = facts.size
      if (!handle || facts.ino !== inode) {
        await handle?.close()
        handle = await open(walPath, 'r')
        inode = facts.ino
      }
      await handle.datasync()
    },
    async measure() {
      lastSize = (await stat(walPath)).size
    },
    size: () => lastSize,
    close: async () => void (await handle?.close()),
  }
}

interface Checkpointer {
  /**
   * Starts a PASSIVE checkpoint when enough was written since the last one. Throws what that one failed with: a checkpoint
   * syncs the WAL too, and what the kernel could not write it tells each descriptor once.
   */
  nudge(): void
  /** Waits for a truncating checkpoint when the WAL has grown too much. */
  breathe(): Promise<void>
  /** Truncates the WAL now. */
  empty(): Promise<void>
  stop(): Promise<void>
}

function startCheckpointer(path: string, wal: Wal): Checkpointer {
  let worker: Worker | undefined
  let flushes = 0
  let passive = false
  let limit = TRUNCATE_BYTES
  let failure: { readonly error: unknown } | undefined
  let last: Promise<void> = Promise.resolve()
  // One request at a time, so that an answer belongs to the request before it.
  const ask = (mode: 'PASSIVE' | 'TRUNCATE'): Promise<void> => {
    last = last.then(async () => {
      worker ??= spawnCheckpointWorker(path)
      worker.postMessage(mode)
      await once(worker, 'message')
    })
    return last
  }
  return {
    nudge() {
      if (failure) throw failure.error
      flushes += 1
      if (passive || flushes < CHECKPOINT_FLUSHES || wal.size() < CHECKPOINT_BYTES) return
      flushes = 0
      passive = true
      ask('PASSIVE')
        .catch((error) => {
          failure = { error }
        })
        .finally(() => {
          passive = false
        })
    },
    async breathe() {
      if (wal.size() < limit) return
      await ask('TRUNCATE')
      await wal.flush()
      // Where a reader was in the way the WAL stays long: do not pause every batch for it.
      limit = Math.max(TRUNCATE_BYTES, wal.size() + TRUNCATE_BYTES / 4)
    },
    async empty() {
      for (let attempt = 0; attempt < EMPTY_ATTEMPTS; attempt += 1) {
        await ask('TRUNCATE')
        await wal.flush()
        if (wal.size() === 0) return
        await sleep(BUSY_RETRY_MS)
      }
    },
    async stop() {
      await last
      await worker?.terminate()
    },
  }
}

function spawnCheckpointWorker(path: string): Worker {
  const worker = startThread('checkpoint-worker', import.meta.url, { workerData: { path } })
  worker.unref()
  return worker
}
