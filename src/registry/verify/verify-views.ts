/**
 * Proves that the live views are the fold of the log: folds up to the sequence of one read snapshot into a temporary
 * SQLite database, on either engine, and compares row by row in key order. Changes nothing.
 */
import { withScratchDatabase } from '../database/scratch.ts'
import {
  createTable,
  type Database,
  type Row,
  SQLITE_TRAITS,
  type Sql,
  type SqlValue,
  type TableSpec,
} from '../database/sql.ts'
import { decodeEvent, readEvents, readHead } from '../events/event-log.ts'
import type { Progress, ViewDifference, ViewReport } from '../registry.ts'
import { createApplier, type View } from '../views/index.ts'

const DIFFERENCES_SHOWN = 100
const PAGE = 1_000

export async function verifyViews(
  database: Database,
  views: readonly View[],
  onProgress?: (progress: Progress) => void,
): Promise<ViewReport> {
  for (;;) {
    const { report, generations } = await compareOnce(database, views, onProgress)
    // PostgreSQL finds a table by its newest name also inside an old snapshot, so one that a replay swapped in meanwhile
    // looks empty there: that look counts for nothing.
    if (generations === (await generationsOf(database.reader))) return report
  }
}

async function generationsOf(sql: Sql): Promise<string> {
  const rows = await sql.all("SELECT name, generation FROM view_versions WHERE name <> '(replay)' ORDER BY name")
  return JSON.stringify(rows)
}

async function compareOnce(
  database: Database,
  views: readonly View[],
  onProgress?: (progress: Progress) => void,
): Promise<{ report: ViewReport; generations: string }> {
  return withScratchDatabase((rebuilt) =>
    database.snapshot(async (live) => {
      const { sequence } = await readHead(live)
      const generations = await generationsOf(live)
      await foldAll(live, rebuilt, views, sequence, onProgress)
      const differences: ViewDifference[] = []
      let rows = 0
      for (const view of views) {
        for (const spec of view.tables) rows += await compareTable(view.name, spec, live, rebuilt, differences)
      }
      return { report: { sequence, rows, differences }, generations }
    }),
  )
}

async function foldAll(
  live: Sql,
  target: Sql,
  views: readonly View[],
  sequence: number,
  onProgress?: (progress: Progress) => void,
): Promise<void> {
  for (const spec of views.flatMap((view) => view.tables)) {
    for (const statement of createTable(spec, SQLITE_TRAITS, '', 'v')) await target.run(statement)
  }
  const apply = createApplier(views)
  await target.run('BEGIN')
  for (let position = 0; position < sequence; ) {
    const events = await readEvents(live, position, PAGE, sequence)
    if (events.length === 0) break
    for (const event of events) await apply(target, decodeEvent(event))
    position = events[events.length - 1]!.sequence
    onProgress?.({ done: position, total: sequence })
  }
  await target.run('COMMIT')
}

/** Merges both tables in key order. Returns the number of live rows. */
async function compareTable(
  view: string,
  spec: TableSpec,
  live: Sql,
  rebuilt: Sql,
  differences: ViewDifference[],
): Promise<number> {
  const left = rowsInOrder(live, spec)
  const right = rowsInOrder(rebuilt, spec)
  let [a, b] = [await left.next(), await right.next()]
  let rows = 0
  const report = (row: Row, liveText: string | null, rebuiltText: string | null): void => {
    if (differences.length >= DIFFERENCES_SHOWN) return
    const key = spec.key.map((column) => printValue(row[column]!)).join(' ')
    differences.push({ view, table: spec.name, key, live: liveText, rebuilt: rebuiltText })
  }
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : compareKeys(spec, a.value, b.value)
    if (order <= 0) rows += 1
    if (order < 0) report(a.value as Row, printRow(spec, a.value as Row), null)
    else if (order > 0) report(b.value as Row, null, printRow(spec, b.value as Row))
    else {
      const [x, y] = [printRow(spec, a.value as Row), printRow(spec, b.value as Row)]
      if (x !== y) report(a.value as Row, x, y)
    }
    if (order <= 0) a = await left.next()
    if (order >= 0) b = await right.next()
  }
  return rows
}

async function* rowsInOrder(sql: Sql, spec: TableSpec): AsyncGenerator<Row, undefined> {
  const columns = spec.columns.map((column) => column.name).join(', ')
  const key = spec.key.join(', ')
  const marks = spec.key.map(() => '?').join(', ')
  let after: SqlValue[] | undefined
  for (;;) {
    const where = after ? `WHERE (${key}) > (${marks})` : ''
    const page = await sql.all(`SELECT ${columns} FROM ${spec.name} ${where} ORDER BY ${key} LIMIT ?`, [
      ...(after ?? []),
      PAGE,
    ])
    yield* page
    if (page.length < PAGE) return undefined
    after = spec.key.map((column) => page[page.length - 1]![column]!)
  }
}

function compareKeys(spec: TableSpec, a: Row, b: Row): number {
  for (const column of spec.key) {
    const [x, y] = [a[column]!, b[column]!]
    const order =
      typeof x === 'number' && typeof y === 'number'
        ? x - y
        : Buffer.compare(Buffer.from(String(x)), Buffer.from(String(y)))
    if (order !== 0) return order
  }
  return 0
}

function printRow(spec: TableSpec, row: Row): string {
  return spec.columns.map((column) => `${column.name}=${printValue(row[column.name] ?? null)}`).join(' ')
}

function printValue(value: SqlValue): string {
  return value instanceof Uint8Array ? `h'${Buffer.from(value).toString('hex')}'` : JSON.stringify(value)
}
