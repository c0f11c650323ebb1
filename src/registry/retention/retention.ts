/**
 * The retention of single packages: its state, later ends, stronger classes, holds and their history. Every change has a reason
 * and is an event; nothing here deletes.
 */
import type { Core } from '../core.ts'
import { decodeCursor, encodeCursor } from '../cursors.ts'
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { EVENT_TYPES, type EventType, type NewEvent } from '../events/event.ts'
import { identityNames } from '../identities.ts'
import { decodeCanonical } from '../manifest/canonical-cbor.ts'
import { instant, requireLimit } from '../package-list.ts'
import { readPackageRow } from '../package-rows.ts'
import type { Page, PageRequest } from '../registry.ts'
import { expiryOf, USER_MANAGED } from './classes.ts'
import type { Retention, RetentionChange, RetentionState } from './contract.ts'
import { applyHold, holdsOf, listHolds, releaseHold, requireKept } from './holds.ts'
import { requireReason } from './reason.ts'
import { keepersOf } from './retained.ts'
import { sweepRetention } from './sweep.ts'

export function createRetention(core: Core): Retention {
  const { reader } = core.database
  return {
    classes: () => core.retentionClasses.all,
    state: (id) => stateOf(core, reader, id),
    async extend(id, request) {
      await core.recorder.record(request.actor, async (tx) => extend(core, tx, id, request))
      return stateOf(core, reader, id)
    },
    async raise(id, request) {
      await core.recorder.record(request.actor, async (tx, now) => raise(core, tx, now, id, request))
      return stateOf(core, reader, id)
    },
    applyHold: (id, request) => applyHold(core, id, request),
    releaseHold: (id, holdId, request) => releaseHold(core, id, holdId, request),
    holds: (filter, page, visible) => listHolds(reader, filter, page, visible),
    history: (id, page) => historyOf(reader, id, page),
    sweep: (options = {}) => sweepRetention(core, options),
  }
}

async function stateOf(core: Core, sql: Sql, id: string): Promise<RetentionState> {
  const row = await requireKept(sql, id)
  const holds = await holdsOf(sql, id)
  const keepers: RetentionState['keptBy'][number][] = []
  let isEligible = row.status !== 'deleted'
  for await (const keeper of keepersOf(sql, row.repository_id ?? '', id)) {
    if (keeper.retention_class !== USER_MANAGED && keeper.eligible !== 1) isEligible = false
    if (keeper.holds.length > 0) isEligible = false
    if (keeper.package_id === id) continue
    keepers.push({
      packageId: keeper.package_id,
      retentionClass: keeper.retention_class,
      expiresAt: keeper.expires_at,
      holds: keeper.holds,
    })
  }
  return {
    packageId: id,
    retentionClass: row.retention_class,
    defaultDurationSeconds: core.retentionClasses.find(row.retention_class)?.durationSeconds ?? null,
    expiresAt: row.expires_at,
    isEligible,
    holds,
    keptBy: keepers,
  }
}

async function extend(
  core: Core,
  tx: Sql,
  id: string,
  request: { expiresAt: string; reason: string },
): Promise<{ events: NewEvent[]; result: undefined }> {
  const reason = requireReason(request.reason)
  const row = await requireKept(tx, id)
  const expiresAt = instant('new_expires_at', request.expiresAt)
  if (row.expires_at === null) {
    const why = row.retention_class === USER_MANAGED ? 'its class keeps nothing: raise the class' : 'it never expires'
    throw new RegistryError('expiry-not-later', `Package ${id} has no expiry to extend: ${why}`, {
      field: 'new_expires_at',
      expires_at: null,
      retention_class: row.retention_class,
    })
  }
  if (expiresAt <= row.expires_at) {
    throw new RegistryError(
      'expiry-not-later',
      `Package ${id} is kept until ${row.expires_at}: an extension ends later than that, and ${expiresAt} does not`,
      { field: 'new_expires_at', expires_at: row.expires_at },
    )
  }
  const payload = { expires_at: expiresAt, reason, salt: core.ids.random(16) }
  return { events: [{ type: 'v1.retention.extended', ...subject(id), payload }], result: undefined }
}

/** The expiry becomes the later one of what the new class gives from the package's creation on and what it had. */
async function raise(
  core: Core,
  tx: Sql,
  now: number,
  id: string,
  request: { retentionClass: string; reason: string },
): Promise<{ events: NewEvent[]; result: undefined }> {
  const reason = requireReason(request.reason)
  const next = core.retentionClasses.require(request.retentionClass)
  const row = await requireKept(tx, id)
  const current = core.retentionClasses.find(row.retention_class) ?? {
    // A class that is configured no more is as strong as what it gave.
    name: row.retention_class,
    durationSeconds: secondsBetween(row.created_at, row.expires_at),
  }
  if (!core.retentionClasses.isRaise(current, next)) {
    throw new RegistryError(
      'class-not-stronger',
      `Package ${id} is kept as '${row.retention_class}', and a class is only changed to a longer one, which '${next.name}' is not`,
      { field: 'retention_class', retention_class: row.retention_class },
    )
  }
  const fresh = expiryOf(next, Math.max(Date.parse(row.created_at), row.expires_at === null ? now : 0))
  const expiresAt = fresh === null || row.expires_at === null || fresh > row.expires_at ? fresh : row.expires_at
  const payload = {
    retention_class: next.name,
    duration_seconds: next.durationSeconds,
    expires_at: expiresAt,
    reason,
    salt: core.ids.random(16),
  }
  return { events: [{ type: 'v1.retention.class_raised', ...subject(id), payload }], result: undefined }
}

function secondsBetween(from: string, to: string | null): number | null {
  return to === null ? null : Math.ceil((Date.parse(to) - Date.parse(from)) / 1_000)
}

function subject(id: string) {
  return { subjectKind: 'package', subjectId: id } as const
}

const TYPES: readonly EventType[] = EVENT_TYPES.filter((type) => type.startsWith('v1.retention.'))

/** From the log, oldest first. An erased event is listed without what it said. */
async function historyOf(sql: Sql, id: string, page: PageRequest): Promise<Page<RetentionChange>> {
  requireLimit(page.limit)
  await readPackageRow(sql, id)
  const after = page.cursor === undefined ? 0 : sequenceOf(page.cursor)
  const rows = await sql.all<{
    sequence: number
    created_at: string
    event_type: EventType
    actor: string
    payload: Uint8Array | null
  }>(
    `SELECT sequence, created_at, event_type, actor, payload FROM events
     WHERE subject_kind = 'package' AND subject_id = ? AND sequence > ? AND event_type IN (${TYPES.map(() => '?').join(', ')})
     ORDER BY sequence LIMIT ?`,
    [id, after, ...TYPES, page.limit + 1],
  )
  const shown = rows.slice(0, page.limit)
  const nameOf = await identityNames(
    sql,
    shown.map((row) => row.actor),
  )
  const items = shown.map((row): RetentionChange => {
    const said = row.payload === null ? {} : (decodeCanonical(row.payload) as Record<string, string | number | null>)
    return {
      sequence: Number(row.sequence),
      at: row.created_at,
      type: row.event_type,
      actor: nameOf(row.actor),
      ...pick(said),
    }
  })
  if (rows.length <= page.limit) return { items }
  return { items, next: encodeCursor(String(shown.at(-1)!.sequence)) }
}

/** Throws `cursor-unknown`. */
function sequenceOf(cursor: string): number {
  const [text = ''] = decodeCursor(cursor, 1)
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new RegistryError('cursor-unknown', 'The cursor was not made by this list: start again without one', {
    field: 'cursor',
  })
}

function pick(said: Record<string, string | number | null>): Partial<RetentionChange> {
  const entries = {
    reason: said.reason,
    expiresAt: said.expires_at,
    retentionClass: said.retention_class,
    holdId: said.hold_id,
    caseReference: said.case_reference,
  }
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined))
}
