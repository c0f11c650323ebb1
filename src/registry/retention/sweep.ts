/**
 * Marks packages whose time is over as eligible for deletion, and deletes nothing. Held ones are passed over and found again
 * when their holds are released. Beside traffic: a few hundred packages a transaction, each looked at again in it.
 */
import { clockProblem } from '../clock-guard.ts'
import type { Core } from '../core.ts'
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import type { NewEvent } from '../events/event.ts'
import type { SweepReport } from './contract.ts'

const BATCH = 200
/** Ids named in a report. */
const NAMED = 100
export const SWEEP_ACTOR = 'job:retention-sweep'

interface Due {
  readonly package_id: string
  readonly expires_at: string
  readonly held: number
}

/** A cross join, so that SQLite begins with what is over and not with all packages of a status. */
const DUE = `SELECT s.package_id, s.expires_at,
    CASE WHEN EXISTS (SELECT 1 FROM holds h WHERE h.package_id = s.package_id AND h.released_at IS NULL) THEN 1 ELSE 0 END AS held
  FROM retention_state s CROSS JOIN packages p
  WHERE p.package_id = s.package_id AND s.eligible = 0 AND p.status IN ('created', 'finalized')`

/** Throws `clock-doubted` while the clock is not believed. */
export async function sweepRetention(core: Core, { dryRun = false }: { dryRun?: boolean }): Promise<SweepReport> {
  const problem = await clockProblem(core)
  if (problem !== undefined) throw new RegistryError('clock-doubted', problem)
  const now = new Date(core.clock()).toISOString()
  let eligible = 0
  let held = 0
  const packages: string[] = []
  let after: Due | undefined
  for (;;) {
    const due = await nextDue(core.database.reader, now, after)
    if (due.length === 0) return { dryRun, eligible, held, packages }
    after = due.at(-1)
    const free = due.filter((row) => Number(row.held) === 0)
    held += due.length - free.length
    const marked = dryRun ? free.map((row) => row.package_id) : await mark(core, free, now)
    eligible += marked.length
    packages.push(...marked.slice(0, NAMED - packages.length))
  }
}

async function nextDue(sql: Sql, now: string, after: Due | undefined): Promise<Due[]> {
  const from = after ? 'AND (s.expires_at, s.package_id) > (?, ?)' : ''
  return sql.all<Due>(`${DUE} AND s.expires_at <= ? ${from} ORDER BY s.expires_at, s.package_id LIMIT ?`, [
    now,
    ...(after ? [after.expires_at, after.package_id] : []),
    BATCH,
  ])
}

/** Each package as it is when its event is recorded: a hold or an extension may have come since it was found. */
async function mark(core: Core, due: readonly Due[], now: string): Promise<string[]> {
  if (due.length === 0) return []
  return core.recorder.record(SWEEP_ACTOR, async (tx) => {
    const events: NewEvent[] = []
    const result: string[] = []
    for (const { package_id: id } of due) {
      const row = await tx.get<Due>(`${DUE} AND s.expires_at <= ? AND s.package_id = ?`, [now, id])
      if (!row || Number(row.held) === 1) continue
      const payload = { expires_at: row.expires_at }
      events.push({ type: 'v1.retention.deletion_eligible', subjectKind: 'package', subjectId: id, payload })
      result.push(id)
    }
    return { events, result }
  })
}
