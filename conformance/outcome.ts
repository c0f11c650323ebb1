/** What a combination said, row by row, and the plain counts that a row adds to. */
import { basename } from 'node:path'

export interface Row {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it is not passed: what was said and what was expected, or the pinned reason of a skip. */
  readonly says?: string
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface Outcome {
  /** `nameOf` the combination. */
  readonly combination: string
  readonly rows: readonly Row[]
  readonly seconds: number
}

export function count(rows: readonly Row[]): Counts {
  const of = (outcome: Row['outcome']) => rows.filter((row) => row.outcome === outcome).length
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') }
}

export function countAll(outcomes: readonly Outcome[]): Counts {
  return count(outcomes.flatMap(({ rows }) => rows))
}

/** The line that closes a run. */
export function plainCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** A run that got nowhere is one failure: how many rows it would have had is anybody's guess. */
export function failure(name: string, says: string): Row {
  return { name, outcome: 'failed', says }
}

/** A suite's message as it fits in a list; the whole is in its own report. */
export function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > LINE ? `${line.slice(0, LINE)}…` : line
}
const LINE = 240

/** A report that is not there, with what the suite said instead, or one that cannot be read. */
export function unreadable(error: unknown, said: string): Row {
  const { code, path, message } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT') return failure('report', message)
  return failure(basename(path ?? 'report'), `it was not written; the suite said: ${said}`)
}
