/**
 * Rebuilds views from the log: folds into shadow tables beside traffic, then takes the log's lock for the tail only and
 * swaps the tables in the same transaction (core-rules 6). Readers see the old rows or the new ones, never a mixture.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTable, type Database, type Sql, type TableSpec } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import { decodeEvent, readEvents, readHead } from './events/event-log.ts'
import type { Recorder } from './record.ts'
import type { Progress, ReplayReport } from './registry.ts'
import { type Applier, createApplier, type View } from './views/index.ts'

const SHADOW = 'shadow_'
/** Where `view_versions` says which replay may write; no view has this name. */
const RUNNING = '(replay)'
/**
 * Events folded in one write transaction. Each writes the pages that it touches once, and keys are digests, so touches
 * nearly all: 8,000 to 12,000 events a second with slices of 200, 17,000 with 4,000. The price is how long a slice holds
 * the log: COMMIT alone took 97 ms for 2,000 events.
 */
const SLICE = 4_000
/** Events read at once. */
const READ = 500

export interface ReplayOptions {
  readonly database: Database
  readonly recorder: Recorder
  readonly views: readonly View[]
  readonly onProgress?: (progress: Progress) => void
  /** Events folded in one write transaction. */
  readonly slice?: number
}

/**
 * Throws `unavailable` when another replay began meanwhile, in this process or another: that one goes on alone, since two
 * that fold into each other's tables would swap in rows that no log gives.
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const { recorder, views } = options
  const generation = randomBytes(4).toString('hex')
  try {
    return await rebuild(options, generation)
  } catch (error) {
    await recorder.exclusively((tx) => dropShadows(tx, views, generation)).catch(() => undefined)
    throw error
  }
}

async function rebuild(
  { database, recorder, views, onProgress, slice = SLICE }: ReplayOptions,
  generation: string,
): Promise<ReplayReport> {
  const apply = createApplier(views, shadowPrefix(generation))
  await recorder.exclusively((tx) => begin(tx, database, views, generation))
  let position = 0
  // A slice is folded while the one before it goes to the disk; no further ahead, so that a failure is met at once.
  let flushing: Promise<void> = Promise.resolve()
  for (;;) {
    const { sequence } = await readHead(database.reader)
    if (sequence - position <= slice) break
    const before = flushing
    position = await new Promise<number>((folded, failed) => {
      flushing = recorder.exclusively(async (tx) => {
        await requireOwn(tx, generation)
        folded(await fold(tx, apply, position, slice))
      })
      flushing.catch(failed)
    })
    await before
    onProgress?.({ done: position, total: sequence })
    await nextTurn()
  }
  await flushing
  return recorder.exclusively(async (tx) => {
    await requireOwn(tx, generation)
    position = await fold(tx, apply, position, Number.MAX_SAFE_INTEGER)
    const changedRows = await swap(tx, views, generation)
    onProgress?.({ done: position, total: position })
    return { sequence: position, events: position, changedRows }
  })
}

/** Takes the place of any replay that runs or was killed, whose tables go. */
async function begin(tx: Sql, database: Database, views: readonly View[], generation: string): Promise<void> {
  const tables = await tx.all<{ name: string }>(database.traits.listTables)
  for (const { name } of tables) if (name.startsWith(SHADOW)) await tx.run(`DROP TABLE ${name}`)
  for (const spec of views.flatMap((view) => view.tables)) {
    for (const statement of createTable(spec, database.traits, shadowPrefix(generation), generation)) {
      await tx.run(statement)
    }
  }
  await stamp(tx, RUNNING, 0, generation)
}

async function requireOwn(tx: Sql, generation: string): Promise<void> {
  const running = await tx.get<{ generation: string }>('SELECT generation FROM view_versions WHERE name = ?', [RUNNING])
  if (running?.generation === generation) return
  throw new RegistryError(
    'unavailable',
    'Another replay of the views began, and this one ended: wait for the other',
    {},
  )
}

async function dropShadows(tx: Sql, views: readonly View[], generation: string): Promise<void> {
  for (const { name } of views.flatMap((view) => view.tables)) {
    await tx.run(`DROP TABLE IF EXISTS ${shadowPrefix(generation)}${name}`)
  }
}

function shadowPrefix(generation: string): string {
  return `${SHADOW}${generation}_`
}

/** Folds up to `limit` events after `position`; returns the position reached. */
export async function fold(tx: Sql, apply: Applier, position: number, limit: number, upTo?: number): Promise<number> {
  let reached = position
  let left = limit
  while (left > 0) {
    const events = await readEvents(tx, reached, Math.min(left, READ), upTo)
    if (events.length === 0) break
    for (const event of events) await apply(tx, decodeEvent(event))
    reached = events[events.length - 1]!.sequence
    left -= events.length
  }
  return reached
}

async function swap(tx: Sql, views: readonly View[], generation: string): Promise<number> {
  let changed = 0
  for (const view of views) {
    const known = await tx.get<{ version: number }>('SELECT version FROM view_versions WHERE name = ?', [view.name])
    for (const spec of view.tables) {
      const shadow = `${shadowPrefix(generation)}${spec.name}`
      // Rows of another version of the view have other columns: there is nothing to compare.
      if (known?.version === view.version) changed += await countChanges(tx, spec, shadow)
      await tx.run(`DROP TABLE IF EXISTS ${spec.name}`)
      await tx.run(`ALTER TABLE ${shadow} RENAME TO ${spec.name}`)
    }
    await stamp(tx, view.name, view.version, generation)
  }
  await tx.run('DELETE FROM view_versions WHERE name = ?', [RUNNING])
  return changed
}

async function stamp(tx: Sql, name: string, version: number, generation: string): Promise<void> {
  await tx.run(
    `INSERT INTO view_versions (name, version, generation) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET version = excluded.version, generation = excluded.generation`,
    [name, version, generation],
  )
}

/** Rows that the rebuild added, removed or changed, each counted once. */
async function countChanges(tx: Sql, spec: TableSpec, shadow: string): Promise<number> {
  const columns = spec.columns.map((column) => column.name).join(', ')
  const key = spec.key.join(', ')
  const keysOf = (a: string, b: string, alias: string): string =>
    `SELECT ${key} FROM (SELECT ${columns} FROM ${a} EXCEPT SELECT ${columns} FROM ${b}) ${alias}`
  // Keys are unique: as many rows, and none of the live ones missing, means the same rows. That is the usual case.
  const same = await tx.get(
    `SELECT 1 AS same WHERE (SELECT count(*) FROM ${spec.name}) = (SELECT count(*) FROM ${shadow})
       AND NOT EXISTS (SELECT ${columns} FROM ${spec.name} EXCEPT SELECT ${columns} FROM ${shadow})`,
  )
  if (same) return 0
  const row = await tx.get<{ n: number }>(
    `SELECT count(*) AS n FROM (${keysOf(spec.name, shadow, 'lost')} UNION ${keysOf(shadow, spec.name, 'won')}) d`,
  )
  return row?.n ?? 0
}

/** Views whose tables were folded by another version of their code. */
export async function staleViews(sql: Sql, views: readonly View[]): Promise<View[]> {
  const rows = await sql.all<{ name: string; version: number }>('SELECT name, version FROM view_versions')
  const versions = new Map(rows.map((row) => [row.name, row.version]))
  return views.filter((view) => versions.get(view.name) !== view.version)
}
