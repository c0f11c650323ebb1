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
import { setImmediate as nextTurn } from 'node:timers/promises'
import { failpoint } from '../storage/index.ts'
import { GroupFlush } from './database/group-flush.ts'
import type { Database, Sql, WriteConnection } from './database/sql.ts'
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
  /** After this long no further writer joins a batch. Default 8 milliseconds. */
  readonly batchMilliseconds?: number
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
  return new LogRecorder(options)
}

class LogRecorder implements Recorder {
  readonly #options: RecorderOptions
  readonly #database: Database
  readonly #writer: WriteConnection
  readonly #flushes: GroupFlush
  readonly #queue: Job[] = []
  readonly #listeners = new Set<(sequence: number) => void>()
  #pumping: Promise<void> | undefined
  #flushed = 0
  #closed = false

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#database = options.database
    this.#writer = options.database.writer
    this.#flushes = new GroupFlush(() => {
      failpoint('record.before-flush')
      return options.database.flush()
    })
  }

  record<T>(actor: string, decide: Decide<T>): Promise<T> {
    return this.#submit(async (tx, batch) => {
      failpoint('record.before-decide')
      const { events, result } = await decide(tx, batch.now)
      if (events.length > 0) await this.#append(tx, batch, actor, events)
      return result
    })
  }

  write<T>(change: (tx: Sql, now: number) => Promise<T>): Promise<T> {
    return this.#submit((tx, batch) => change(tx, batch.now))
  }

  exclusively<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    return this.#submit((tx) => work(tx))
  }

  flushedSequence(): number {
    return this.#flushed
  }

  onFlushed(listener: (sequence: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async flushCommitted(): Promise<number> {
    // The position is read before the flush begins: only what was committed by then is covered by it.
    const { sequence } = await readHead(this.#database.reader)
    if (sequence > this.#flushed) await this.#flushTo(sequence)
    return this.#flushed
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pumping
    await this.#flushes.settled()
  }

  #submit<T>(run: Job['run']): Promise<T> {
    if (this.#closed) return Promise.reject(new RegistryError('unavailable', 'The registry is shutting down'))
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run, resolve: resolve as (value: unknown) => void, reject })
      this.#pumping ??= this.#pump().finally(() => {
        this.#pumping = undefined
      })
    })
  }

  async #pump(): Promise<void> {
    // Everyone who asks within the same turn of the loop shares the first batch.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      await this.#runBatch()
      // On SQLite a batch is over without a turn of the loop: without one here, a long queue would stop everything else.
      await nextTurn()
    }
  }

  async #runBatch(): Promise<void> {
    const taken: Job[] = []
    let committing = false
    try {
      await this.#database.breathe()
      await this.#writer.begin()
      const head = await readHead(this.#writer, this.#database.traits.lockHead)
      this.#refuseLostLog(head)
      const batch: Batch = { head, now: Math.max(this.#options.clock(), Date.parse(head.createdAt)) }
      const answers = await this.#runJobs(batch, taken)
      if (batch.head.sequence !== head.sequence) await writeHead(this.#writer, batch.head)
      failpoint('record.before-commit')
      committing = true
      await this.#writer.commit()
      failpoint('record.after-commit')
      this.#release(batch.head.sequence, answers)
    } catch (error) {
      const refusal = committing ? unknownOutcome(error) : batchError(error)
      await this.#undo()
      // Nobody was taken when BEGIN itself failed: fail those who wait, or they would spin on a broken connection.
      for (const job of taken.length > 0 ? taken : this.#queue.splice(0)) job.reject(refusal)
    }
  }

  /** A connection that cannot even roll back says so again at the next BEGIN, to those who wait then. */
  async #undo(): Promise<void> {
    try {
      await this.#writer.rollback()
    } catch {}
  }

  /** A standby that lagged behind and took over has lost what was answered: nothing may build on it (core-rules 8). */
  #refuseLostLog(head: LogHead): void {
    if (head.sequence >= this.#flushed) return
    throw new RegistryError(
      'log-broken',
      `The event log ends at ${head.sequence}, and this server has answered for ${this.#flushed}: the database was restored or failed over to a state that has lost events; nothing is written until the server is restarted on purpose`,
      { head: head.sequence, answered: this.#flushed },
    )
  }

  async #runJobs(batch: Batch, taken: Job[]): Promise<(() => void)[]> {
    const { batchMilliseconds = BATCH_MS } = this.#options
    const started = performance.now()
    const answers: (() => void)[] = []
    while (this.#queue.length > 0 && taken.length < BATCH_WRITERS && performance.now() - started < batchMilliseconds) {
      const job = this.#queue.shift()!
      taken.push(job)
      answers.push(await this.#runJob(job, batch))
    }
    return answers
  }

  /** Returns what answers the job once the batch is on disk. */
  async #runJob(job: Job, batch: Batch): Promise<() => void> {
    const writer = this.#writer
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

  async #append(tx: Sql, batch: Batch, actor: string, events: readonly NewEvent[]): Promise<void> {
    failpoint('record.before-append')
    const createdAt = new Date(batch.now).toISOString()
    const actorId = await identityId(tx, actor, this.#options.ids)
    for (const event of events) {
      const { head, recorded } = await appendEvent(tx, batch.head, event, { actor: actorId, createdAt })
      batch.head = head
      failpoint('record.before-views')
      await this.#options.apply(tx, recorded)
    }
  }

  /** Answers a batch once it is on disk; the next batch does not wait for that. */
  #release(sequence: number, answers: readonly (() => void)[]): void {
    this.#flushTo(sequence).then(
      () => {
        for (const answer of answers) answer()
      },
      (error) => this.#options.onFlushFailure(error),
    )
  }

  async #flushTo(sequence: number): Promise<void> {
    await this.#flushes.flush()
    if (sequence <= this.#flushed) return
    this.#flushed = sequence
    failpoint('record.after-flush')
    for (const listener of this.#listeners) listener(sequence)
  }
}

/** A COMMIT that did not answer may have happened all the same. */
function unknownOutcome(error: unknown): RegistryError {
  const refusal = batchError(error)
  if (refusal.code === 'storage-full') return refusal
  const message =
    'The event log did not answer a COMMIT, so what was asked may have been recorded or not: look, then try again'
  return new RegistryError('unavailable', message, {}, { cause: error })
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
