/** Holds: who forbids a package's deletion until further notice, however old it is. */
import type { Core } from '../core.ts'
import { decodeCursor, encodeCursor } from '../cursors.ts'
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { identityId, identityNames } from '../identities.ts'
import { printable, type RepositoryName } from '../names.ts'
import { requireLimit } from '../package-list.ts'
import { type PackageRow, readPackageRow } from '../package-rows.ts'
import type { Page, PageRequest, Visible } from '../registry.ts'
import type { Hold, HoldFilter } from './contract.ts'
import { requireReason, requireWords } from './reason.ts'

/** Characters of a case reference. */
const CASE_LIMIT = 255
/** Of one package: a loop of a script must not fill the log. */
const STANDING_LIMIT = 1_000

interface HoldRow {
  readonly hold_id: string
  readonly package_id: string
  readonly reason: string
  readonly case_reference: string | null
  readonly applied_at: string
  readonly applied_by: string
  readonly released_at: string | null
  readonly released_by: string | null
  readonly release_reason: string | null
}

const COLUMNS = `h.hold_id, h.package_id, h.reason, h.case_reference, h.applied_at, h.applied_by, h.released_at, h.released_by,
  h.release_reason`

/** Throws `package-unknown` for one that was erased, too: nothing about it can change any more. */
export async function requireKept(sql: Sql, id: string): Promise<PackageRow> {
  const row = await readPackageRow(sql, id)
  if (row.status !== 'erased') return row
  throw new RegistryError('package-unknown', `Package ${id} was erased`, { id })
}

/** Those that stand first, each kind in the order in which they came. */
export async function holdsOf(sql: Sql, packageId: string): Promise<Hold[]> {
  const rows = await sql.all<HoldRow>(
    `SELECT ${COLUMNS} FROM holds h WHERE h.package_id = ?
     ORDER BY CASE WHEN h.released_at IS NULL THEN 0 ELSE 1 END, h.applied_at, h.hold_id`,
    [packageId],
  )
  return toHolds(sql, rows)
}

interface ListedHold extends HoldRow {
  readonly repository: string | null
}

export async function listHolds(
  sql: Sql,
  { caseReference, isStanding }: HoldFilter,
  page: PageRequest,
  visible?: Visible,
): Promise<Page<Hold>> {
  requireLimit(page.limit)
  const where = [
    ...(caseReference === undefined ? [] : ['h.case_reference = ?']),
    ...(isStanding === undefined ? [] : [`h.released_at IS ${isStanding ? '' : 'NOT '}NULL`]),
    ...(page.cursor === undefined ? [] : ['(h.applied_at, h.hold_id) < (?, ?)']),
  ]
  const rows = await sql.all<ListedHold>(
    `SELECT ${COLUMNS}, r.name AS repository
     FROM holds h JOIN packages p ON p.package_id = h.package_id LEFT JOIN repositories r ON r.repository_id = p.repository_id
     ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY h.applied_at DESC, h.hold_id DESC LIMIT ?`,
    [
      ...(caseReference === undefined ? [] : [caseReference]),
      ...(page.cursor === undefined ? [] : decodeCursor(page.cursor, 2)),
      page.limit + 1,
    ],
  )
  const looked = rows.slice(0, page.limit)
  const seen = looked.filter(({ repository }) => !visible || (repository && visible(repository as RepositoryName)))
  const items = await toHolds(sql, seen)
  const last = looked.at(-1)
  return rows.length <= page.limit || !last ? { items } : { items, next: encodeCursor(last.applied_at, last.hold_id) }
}

export async function applyHold(
  core: Core,
  packageId: string,
  request: { reason: string; caseReference?: string; actor: string },
): Promise<Hold> {
  const reason = requireReason(request.reason)
  const caseReference =
    request.caseReference === undefined ? null : requireWords('case', request.caseReference, CASE_LIMIT)
  const holdId = core.ids.uuid()
  await core.recorder.record(request.actor, async (tx) => {
    await requireKept(tx, packageId)
    await refuseTooMany(tx, packageId)
    const payload = { hold_id: holdId, reason, case_reference: caseReference, salt: core.ids.random(16) }
    return {
      events: [{ type: 'v1.retention.hold_applied', subjectKind: 'package', subjectId: packageId, payload }],
      result: undefined,
    }
  })
  return readHold(core.database.reader, packageId, holdId)
}

export async function releaseHold(
  core: Core,
  packageId: string,
  holdId: string,
  request: { reason: string; actor: string },
): Promise<Hold> {
  const reason = requireReason(request.reason)
  await core.recorder.record(request.actor, async (tx) => {
    const row = await readHoldRow(tx, packageId, holdId)
    if (row.released_at !== null) {
      throw new RegistryError('hold-released', `The hold ${holdId} was released at ${row.released_at}`, {
        hold_id: holdId,
        released_at: row.released_at,
      })
    }
    if (core.releaseByOther && (await identityId(tx, request.actor, core.ids)) === row.applied_by) {
      throw new RegistryError(
        'denied',
        `You applied the hold ${holdId}, and here only somebody else may release it (retention.release_by_other)`,
        { hold_id: holdId },
      )
    }
    const payload = { hold_id: holdId, reason, salt: core.ids.random(16) }
    return {
      events: [{ type: 'v1.retention.hold_released', subjectKind: 'package', subjectId: packageId, payload }],
      result: undefined,
    }
  })
  return readHold(core.database.reader, packageId, holdId)
}

async function refuseTooMany(tx: Sql, packageId: string): Promise<void> {
  const row = await tx.get<{ n: number }>(
    'SELECT count(*) AS n FROM holds WHERE package_id = ? AND released_at IS NULL',
    [packageId],
  )
  if (Number(row?.n ?? 0) < STANDING_LIMIT) return
  throw new RegistryError(
    'field-invalid',
    `Package ${packageId} is under ${STANDING_LIMIT} holds already, which is as many as are kept`,
    { field: 'package_id' },
  )
}

async function readHold(sql: Sql, packageId: string, holdId: string): Promise<Hold> {
  const [hold] = await toHolds(sql, [await readHoldRow(sql, packageId, holdId)])
  return hold!
}

/** Throws `hold-unknown`, also for a hold of another package. */
async function readHoldRow(sql: Sql, packageId: string, holdId: string): Promise<HoldRow> {
  const row = await sql.get<HoldRow>(`SELECT ${COLUMNS} FROM holds h WHERE h.hold_id = ? AND h.package_id = ?`, [
    holdId,
    packageId,
  ])
  if (row) return row
  throw new RegistryError('hold-unknown', `Package ${packageId} has no hold '${printable(holdId)}'`, {
    hold_id: holdId.slice(0, 64),
  })
}

async function toHolds(sql: Sql, rows: readonly HoldRow[]): Promise<Hold[]> {
  const nameOf = await identityNames(
    sql,
    rows.flatMap(({ applied_by, released_by }) => (released_by === null ? [applied_by] : [applied_by, released_by])),
  )
  return rows.map((row) => ({
    id: row.hold_id,
    packageId: row.package_id,
    reason: row.reason,
    caseReference: row.case_reference,
    appliedAt: row.applied_at,
    appliedBy: nameOf(row.applied_by),
    released:
      row.released_at === null
        ? null
        : { at: row.released_at, by: nameOf(row.released_by!), reason: row.release_reason! },
  }))
}
