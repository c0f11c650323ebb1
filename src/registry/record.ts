/**
 * The only writer of the log. Writers wait in a queue; whoever is first opens one transaction for all who wait (group
 * commit), takes the log's head, and runs each `decide` in a savepoint of its own: what `decide` read is still true
 * when it is recorded, and views see events in exactly the order in which replay will. After COMMIT one flush releases
 * all of them; the next batch is decided meanwhile.
 *
 *   queue -> BEGIN, head -> for each: SAVEPOINT, decide, append, views, RELEASE -> head -> COMMIT -> flush -> answer
 *
 * A refusal (`RegistryError` thrown by `decide`) undoes its own savepoint. Any other error, and an engine that has left
 * the transaction by itself, fails the whole batch: later statements would otherwise commit one by one (core-rules 1).
 * `decide` awaits nothing but its transaction handle.
 */
import { failpoint } from '../storage/index.ts'
import type { Database, Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'
import { appendEvent, type LogHead, readHead, writeHead } from './events/event-log.ts'
import { identityId } from './identities.ts'
import type { Applier } from './views/index.ts'

export interface Decision<T> {
  readonly events: readonly NewEvent[]
  readonly result: T
}

/** `now` is the time the events will carry, milliseconds since the epoch. */
export type Decide<T> = (tx: Sql, now: number) => Promise<Decision<T>>

export interface Recorder {
  /**
   * Runs `decide` as if no one else were writing, records what it returns, and resolves when that, and all that it
   * read, is on disk. Throws what `decide` refuses with, recording nothing; `unavailable` when the batch failed.
   */
  record<T>(actor: string, decide: Decide<T>): Promise<T>
  /** A change of working state, without events; on disk when it resolves. */
  write<T>(change: (tx: Sql, now: number) => Promise<T>): Promise<T>
  /** Highest sequence known to be on disk by a flush of this process. */
  flushedSequence(): number
  /** Called with the flushed sequence after each flush that advanced it. */
  onFlushed(listener: (sequence: number) => void): () => void
  /** Makes everything committed so far, by any process, safe to show. */
  flushCommitted(): Promise<number>
  /** Runs `work` alone, between two batches, inside the write transaction that holds the log's lock. */
  exclusively<T>(work: (tx: Sql) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface RecorderOptions {
  readonly database: Database
  readonly apply: Applier
  readonly clock: () => number
  readonly ids: { uuid(): string }
  /** A flush that failed leaves it unknown what is on disk: the process must end (core-rules 2). */
  readonly onFlushFailure: (error: unknown) => void
}

interface Job {
  readonly run: (tx: Sql, batch: Batch) => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Batch {
  head: LogHead
  readonly now: number
}

/** Keeps one batch from holding the event loop: neither many writers nor slow ones stay in it for longer. */
const BATCH_WRITERS = 128
const BATCH_MS = 8

export function createRecorder(options: RecorderOptions): Recorder {
  const { database, clock } = options
  const writer = database.writer
  const queue: Job[] = []
  const listeners = new Set<(sequence: number) => void>()
  let pumping: Promise<void> | undefined
  let flushed = 0
  let closed = false

  const submit = <T>(run: Job['run']): Promise<T> => {
    if (closed) return Promise.reject(new RegistryError('unavailable', 'The registry is shutting down'))
    return new Promise<T>((resolve, reject) => {
      queue.push({ run, resolve: resolve as (value: unknown) => void, reject })
      pumping ??= pump().finally(() => {
        pumping = undefined
      })
    })
  }

  async function pump(): Promise<void> {
    // Everyone who asks within the same turn of the loop shares the first batch.
    await Promise.resolve()
    while (queue.length > 0) {
      await database.breathe()
      await runBatch()
    }
  }

  async function runBatch(): Promise<void> {
    const done: { job: Job; settle: () => void }[] = []
    const taken: Job[] = []
    try {
      await writer.begin()
      const head = await readHead(writer, database.traits.lockHead)
      const batch: Batch = { head, now: Math.max(clock(), Date.parse(head.createdAt)) }
      const started = performance.now()
      while (queue.length > 0 && taken.length < BATCH_WRITERS && performance.now() - started < BATCH_MS) {
        const job = queue.shift()!
        taken.push(job)
        done.push({ job, settle: await runJob(job, batch) })
      }
      if (batch.head.sequence !== head.sequence) await writeHead(writer, batch.head)
      failpoint('record.before-commit')
      await writer.commit()
      failpoint('record.after-commit')
      release(batch.head.sequence, done)
    } catch (error) {
      await writer.rollback()
      // Nobody was taken when BEGIN itself failed: fail those who wait, or they would spin on a broken connection.
      for (const job of taken.length > 0 ? taken : queue.splice(0)) job.reject(batchError(error))
    }
  }

  async function runJob(job: Job, batch: Batch): Promise<() => void> {
    await writer.savepoint()
    const before = batch.head
    try {
      const value = await job.run(writer, batch)
      await writer.releaseSavepoint()
      return () => job.resolve(value)
    } catch (error) {
      if (!(error instanceof RegistryError) || !writer.inTransaction()) throw error
      await writer.rollbackToSavepoint()
      batch.head = before
      return () => job.reject(error)
    }
  }

  /** Answers the batch once it is on disk; the next batch does not wait for that. */
  function release(sequence: number, done: readonly { settle: () => void }[]): void {
    flush(sequence).then(
      () => {
        for (const { settle } of done) settle()
      },
      (error) => options.onFlushFailure(error),
    )
  }

  // One flush at a time; those who commit while it runs share the next one.
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  async function flush(sequence: number): Promise<void> {
    if (running) {
      next ??= running.then(() => startFlush())
      await next
    } else {
      await startFlush()
    }
    advance(sequence)
  }
  function startFlush(): Promise<void> {
    next = undefined
    failpoint('record.before-flush')
    running = database.flush().finally(() => {
      running = undefined
    })
    return running
  }

  function advance(sequence: number): void {
    if (sequence <= flushed) return
    flushed = sequence
    failpoint('record.after-flush')
    for (const listener of listeners) listener(flushed)
  }

  const append = async (tx: Sql, batch: Batch, actor: string, events: readonly NewEvent[]): Promise<void> => {
    if (events.length === 0) return
    failpoint('record.before-append')
    const createdAt = new Date(batch.now).toISOString()
    const actorId = await identityId(tx, actor, options.ids)
    for (const event of events) {
      const { head, recorded } = await appendEvent(tx, batch.head, event, { actor: actorId, createdAt })
      batch.head = head
      failpoint('record.before-views')
      await options.apply(tx, recorded)
    }
  }

  return {
    record: (actor, decide) =>
      submit(async (tx, batch) => {
        failpoint('record.before-decide')
        const { events, result } = await decide(tx, batch.now)
        await append(tx, batch, actor, events)
        return result
      }),
    write: (change) => submit((tx, batch) => change(tx, batch.now)),
    flushedSequence: () => flushed,
    onFlushed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async flushCommitted() {
      // The position is read before the flush begins: only what was committed by then is covered by it.
      const { sequence } = await readHead(database.reader)
      if (sequence > flushed) await flush(sequence)
      return flushed
    },
    exclusively: (work) => submit((tx) => work(tx)),
    async close() {
      closed = true
      await pumping
      await next
      await running
    },
  }
}

function batchError(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error
  const code = (error as { code?: unknown }).code
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === '53100') {
    return new RegistryError(
      'storage-full',
      'The database has no room left; nothing was recorded',
      {},
      { cause: error },
    )
  }
  return new RegistryError(
    'unavailable',
    'The event log could not be written; nothing was recorded',
    {},
    { cause: error },
  )
}
