/** Checks the chain of the log: the last events at every start, all of them on demand (core-rules 7). */
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { CHAIN_START, chainProblem, readEvents, readHead, type StoredEvent } from '../events/event-log.ts'
import type { LogReport, Progress } from '../registry.ts'

/** How much of the log a starting server checks. */
export const CHECKED_AT_START = 1_000
const PAGE = 1_000

type Link = Pick<StoredEvent, 'sequence' | 'chain' | 'createdAt'>

/** Walks the chain after `from` to the head. Never throws for a broken log: the report says where. */
export async function verifyLog(sql: Sql, from = 0, onProgress?: (progress: Progress) => void): Promise<LogReport> {
  const head = await readHead(sql)
  let previous: Link = { sequence: from, chain: CHAIN_START, createdAt: new Date(0).toISOString() }
  if (from > 0) {
    const [anchor] = await readEvents(sql, from - 1, 1)
    if (!anchor || anchor.sequence !== from) return broken(0, head.sequence, from, `sequence ${from} is missing`)
    previous = anchor
  }
  let events = 0
  for (;;) {
    const page = await readEvents(sql, previous.sequence, PAGE)
    for (const event of page) {
      const problem = chainProblem(previous, event)
      if (problem) return broken(events, head.sequence, event.sequence, problem)
      previous = event
      events += 1
    }
    onProgress?.({ done: previous.sequence, total: head.sequence })
    if (page.length < PAGE) break
  }
  return { events, head: head.sequence, ...(await headProblem(sql, previous)) }
}

/** Events and head change together, so a head read after the last event was lies at it or beyond. */
async function headProblem(sql: Sql, last: Link): Promise<{ brokenAt: number; problem: string } | undefined> {
  const head = await readHead(sql)
  const [next] = await readEvents(sql, last.sequence, 1)
  if (next) return undefined
  if (last.sequence < head.sequence) {
    return { brokenAt: last.sequence + 1, problem: `sequence ${last.sequence + 1} is missing` }
  }
  if (last.sequence > head.sequence) {
    return { brokenAt: last.sequence, problem: `the log's head is at ${head.sequence}, before its last event` }
  }
  if (last.sequence > 0 && (Buffer.compare(last.chain, head.chain) !== 0 || last.createdAt !== head.createdAt)) {
    return { brokenAt: head.sequence, problem: "the log's head has another chain value or time than its last event" }
  }
  return undefined
}

function broken(events: number, head: number, brokenAt: number, problem: string): LogReport {
  return { events, head, brokenAt, problem }
}

/** Throws `log-broken` naming the sequence: a server must not build on such a log. */
export async function refuseBrokenLog(sql: Sql): Promise<void> {
  const head = await readHead(sql)
  const report = await verifyLog(sql, Math.max(0, head.sequence - CHECKED_AT_START))
  if (report.brokenAt === undefined) return
  throw new RegistryError(
    'log-broken',
    `The event log is broken at sequence ${report.brokenAt}: ${report.problem}. Restore it from a backup; 'artifactstore verify-log' checks all of it`,
    { sequence: report.brokenAt, problem: report.problem },
  )
}
