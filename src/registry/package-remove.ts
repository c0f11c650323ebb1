/**
 * Deleting a package, whichever door it came through: what is finalized by the rule that `/v2/` has too, a draft at once. The
 * package stays as a tombstone with its events; its bytes go with collection.
 */
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'
import type { RepositoryName } from './names.ts'
import { type PackageRow, readPackageRow } from './package-rows.ts'
import { requireReason } from './retention/reason.ts'
import { refuseHeld, refuseRetainedManifest } from './retention/retained.ts'
import { refuseImmutableTags } from './tags.ts'

const DRAFTS = 100
export const DRAFT_ACTOR = 'job:draft-expiry'

/** Throws `package-unknown`, `retained`, `tag-immutable`, `field-invalid` without a reason. */
export async function removePackage(
  core: Core,
  id: string,
  request: { readonly reason: string; readonly actor: string },
): Promise<void> {
  const reason = requireReason(request.reason)
  await core.recorder.record(request.actor, async (tx) => {
    const row = await readPackageRow(tx, id)
    if (row.status === 'created') return { events: [await discarded(core, tx, id, reason)], result: undefined }
    if (row.status !== 'finalized') {
      throw new RegistryError('package-unknown', `Package ${id} was ${row.status}`, { id })
    }
    await refuseRetainedManifest(tx, row.repository_id ?? '', id)
    return { events: await deletionEvents(core, tx, row, reason), result: undefined }
  })
}

/** Drafts that nobody has touched for longer than drafts are kept. */
export async function expireDrafts(core: Core): Promise<{ discarded: number }> {
  if (core.draftExpirySeconds === 0) return { discarded: 0 }
  const before = new Date(core.clock() - core.draftExpirySeconds * 1_000).toISOString()
  const idle = await core.database.reader.all<{ package_id: string }>(
    `SELECT p.package_id FROM packages p JOIN events e ON e.sequence = p.last_event_sequence
     WHERE p.status = 'created' AND p.created_at <= ? AND e.created_at <= ?
       AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.package_id = p.package_id AND h.released_at IS NULL)
     ORDER BY p.created_at, p.package_id LIMIT ?`,
    [before, before, DRAFTS],
  )
  if (idle.length === 0) return { discarded: 0 }
  const reason = `nobody touched it for ${core.draftExpirySeconds} seconds`
  return core.recorder.record(DRAFT_ACTOR, async (tx) => {
    const events: NewEvent[] = []
    for (const { package_id: id } of idle) {
      const row = await tx.get<{ created_at: string }>(
        `SELECT e.created_at FROM packages p JOIN events e ON e.sequence = p.last_event_sequence
         WHERE p.package_id = ? AND p.status = 'created' AND e.created_at <= ?`,
        [id, before],
      )
      if (row) events.push(await discarded(core, tx, id, reason))
    }
    return { events, result: { discarded: events.length } }
  })
}

async function discarded(core: Core, tx: Sql, id: string, reason: string): Promise<NewEvent> {
  await refuseHeld(tx, id)
  return {
    type: 'v1.package.discarded',
    subjectKind: 'package',
    subjectId: id,
    payload: { reason, salt: core.ids.random(16) },
  }
}

async function deletionEvents(core: Core, tx: Sql, row: PackageRow, reason: string): Promise<NewEvent[]> {
  const subject = { subjectKind: 'package', subjectId: row.package_id } as const
  const deleted: NewEvent = { type: 'v1.package.deleted', ...subject, payload: { reason, salt: core.ids.random(16) } }
  // A package that is too large for `/v2/` has no manifest there.
  if (row.oci_digest === null) return [deleted]
  await refuseImmutableTags(core, tx, row.repository as RepositoryName, row.package_id)
  const payload = { repository_id: row.repository_id!, digest: row.oci_digest }
  return [deleted, { type: 'v1.manifest.deleted', ...subject, payload }]
}
