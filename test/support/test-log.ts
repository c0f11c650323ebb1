/** A log without services over it: a migrated database, a recorder, and a flush that the test holds back, counts or fails. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database } from '../../src/registry/database/sql.ts'
import type { NewEvent } from '../../src/registry/events/event.ts'
import { readEvents, type StoredEvent } from '../../src/registry/events/event-log.ts'
import { openDatabase, VIEWS } from '../../src/registry/index.ts'
import { createRecorder, type Decision, type Recorder } from '../../src/registry/record.ts'
import { type Applier, createApplier } from '../../src/registry/views/index.ts'
import { sequentialIds } from './clock.ts'
import type { TestDatabase } from './databases.ts'

export interface FlushGate {
  /** Flushes begun. */
  begun: number
  /** While true, flushes that begin wait for `release`. */
  held: boolean
  /** The next flush fails with this. */
  failure?: Error
  /** Lets the oldest waiting flush go on. */
  releaseOne(): void
  release(): void
}

/** The same database with its flush under the test's control. */
export function gated(database: Database): { database: Database; gate: FlushGate } {
  const waiting: (() => void)[] = []
  const gate: FlushGate = {
    begun: 0,
    held: false,
    releaseOne: () => waiting.shift()?.(),
    release() {
      gate.held = false
      for (const go of waiting.splice(0)) go()
    },
  }
  const flush = async (): Promise<void> => {
    gate.begun += 1
    if (gate.held) await new Promise<void>((resolve) => waiting.push(resolve))
    if (gate.failure) throw gate.failure
    await database.flush()
  }
  return { database: { ...database, flush }, gate }
}

export interface TestLog {
  readonly database: Database
  readonly recorder: Recorder
  readonly gate: FlushGate
  readonly clock: { now: number }
  readonly flushFailures: unknown[]
  events(): Promise<StoredEvent[]>
  /** Another recorder on a handle of its own, as another process would have. */
  second(): Promise<{ database: Database; recorder: Recorder }>
  close(): Promise<void>
}

export async function openTestLog(
  engine: TestDatabase,
  options: { apply?: Applier; wrap?: (database: Database) => Database } = {},
): Promise<TestLog> {
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-log-'))
  const { location, drop } = await engine.createMigrated(folder)
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') }
  const flushFailures: unknown[] = []
  const opened: { database: Database; recorder: Recorder }[] = []
  const open = async (wrap: (database: Database) => Database): Promise<{ database: Database; recorder: Recorder }> => {
    const database = wrap(await openDatabase(location, { durability: 'durable' }))
    const recorder = createRecorder({
      database,
      apply: options.apply ?? createApplier(VIEWS),
      clock: () => clock.now,
      ids: sequentialIds(`w${opened.length}`),
      onFlushFailure: (error) => flushFailures.push(error),
      // What shares a batch must not depend on how busy the machine is.
      batchMilliseconds: 60_000,
    })
    opened.push({ database, recorder })
    return { database, recorder }
  }
  let gate: FlushGate | undefined
  const first = await open((database) => {
    const controlled = gated(database)
    gate = controlled.gate
    return options.wrap?.(controlled.database) ?? controlled.database
  })
  return {
    ...first,
    gate: gate!,
    clock,
    flushFailures,
    events: async () => readEvents(first.database.reader, 0, 1_000_000),
    second: () => open((database) => database),
    async close() {
      gate!.failure = undefined
      gate!.release()
      for (const { recorder, database } of opened) {
        await recorder.close()
        await database.close()
      }
      await drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The smallest event that a view folds. */
export function linked(blob: string, repository = 'r'): NewEvent {
  return { type: 'v1.blob.linked', subjectKind: 'repository', subjectId: repository, payload: { blake3: blob } }
}

export function recordLink(recorder: Recorder, blob: string): Promise<string> {
  return recorder.record('local', async (): Promise<Decision<string>> => ({ events: [linked(blob)], result: blob }))
}

export async function sequencesOf(log: TestLog): Promise<number[]> {
  return (await log.events()).map((event) => event.sequence)
}

export async function linksOf(log: TestLog): Promise<string[]> {
  const rows = await log.database.reader.all<{ blake3: string }>('SELECT blake3 FROM repository_blobs ORDER BY blake3')
  return rows.map((row) => row.blake3)
}

/** 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1)
}
