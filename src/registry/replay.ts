/**
 * Rebuilds views from the log: folds into shadow tables beside traffic, then takes the log's lock for the tail only and
 * swaps the tables in the same transaction (core-rules 6). Readers see the old rows or the new ones, never a mixture.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTable, type Database, type Sql, type TableSpec } from './database/sql.ts'
import { decodeEvent, readEvents, readHead } from './events/event-log.ts'
import type { Recorder } from './record.ts'
import type { Progress, ReplayReport } from './registry.ts'
import { type Applier, createApplier, type View } from './views/index.ts'

const SHADOW = 'shadow_'
/** Events folded in one write transaction: long enough to be fast, short enough to let writers in between. */
const SLICE = 500

export interface ReplayOptions {
  readonly database: Database
  readonly recorder: Recorder
  readonly views: readonly View[]
  readonly onProgress?: (progress: Progress) => void
}

export async function replay({ database, recorder, views, onProgress }: ReplayOptions): Promise<ReplayReport> {
  const apply = createApplier(views, SHADOW)
  const tables = views.flatMap((view) => view.tables)
  const generation = randomBytes(4).toString('hex')
  await recorder.exclusively(async (tx) => {
    for (const spec of tables) {
      await tx.run(`DROP TABLE IF EXISTS ${SHADOW}${spec.name}`)
      for (const statement of createTable(spec, database.traits, SHADOW, generation)) await tx.run(statement)
    }
  })
  let position = 0
  for (;;) {
    const { sequence } = await readHead(database.reader)
    if (sequence - position <= SLICE) break
    position = await recorder.exclusively((tx) => fold(tx, apply, position, SLICE))
    onProgress?.({ done: position, total: sequence })
    await nextTurn()
  }
  return recorder.exclusively(async (tx) => {
    position = await fold(tx, apply, position, Number.MAX_SAFE_INTEGER)
    const changedRows = await swap(tx, views, generation)
    onProgress?.({ done: position, total: position })
    return { sequence: position, events: position, changedRows }
  })
}

/** Folds up to `limit` events after `position`; returns the position reached. */
export async function fold(tx: Sql, apply: Applier, position: number, limit: number, upTo?: number): Promise<number> {
  let reached = position
  let left = limit
  while (left > 0) {
    const events = await readEvents(tx, reached, Math.min(left, SLICE), upTo)
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
      // Rows of another version of the view have other columns: there is nothing to compare.
      if (known?.version === view.version) changed += await countChanges(tx, spec)
      await tx.run(`DROP TABLE IF EXISTS ${spec.name}`)
      await tx.run(`ALTER TABLE ${SHADOW}${spec.name} RENAME TO ${spec.name}`)
    }
    await tx.run(
      `INSERT INTO view_versions (name, version, generation) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET version = excluded.version, generation = excluded.generation`,
      [view.name, view.version, generation],
    )
  }
  return changed
}

/** Rows that the rebuild added, removed or changed. */
async function countChanges(tx: Sql, spec: TableSpec): Promise<number> {
  const columns = spec.columns.map((column) => column.name).join(', ')
  const difference = (a: string, b: string): string =>
    `SELECT count(*) AS n FROM (SELECT ${columns} FROM ${a} EXCEPT SELECT ${columns} FROM ${b}) d`
  const lost = await tx.get<{ n: number }>(difference(spec.name, `${SHADOW}${spec.name}`))
  const won = await tx.get<{ n: number }>(difference(`${SHADOW}${spec.name}`, spec.name))
  return Math.max(lost?.n ?? 0, won?.n ?? 0)
}

/** Views whose tables were folded by another version of their code. */
export async function staleViews(sql: Sql, views: readonly View[]): Promise<View[]> {
  const rows = await sql.all<{ name: string; version: number }>('SELECT name, version FROM view_versions')
  const versions = new Map(rows.map((row) => [row.name, row.version]))
  return views.filter((view) => versions.get(view.name) !== view.version)
}
