/**
 * Erasure (core-rules 9): removes the payloads of a package's events, leaves their sequence, type, subject and digest,
 * and is itself an event with its legal basis. The chain stays whole, because it is made of payload digests.
 */
import type { Core } from './core.ts'
import { RegistryError } from './errors.ts'
import { readPackageRow } from './package-rows.ts'
import { refuseRetainedManifest } from './retention/retained.ts'

/** Throws `package-unknown`, `retained` while a class keeps it, its own or one of those above it, `field-invalid` without a legal basis. */
export async function erasePackage(
  core: Core,
  id: string,
  request: { actor: string; legalBasis: string },
): Promise<{ events: number }> {
  if (request.legalBasis.trim() === '') {
    throw new RegistryError('field-invalid', 'An erasure names its legal basis', { field: 'legal_basis' })
  }
  const result = await core.recorder.record(request.actor, async (tx, now) => {
    const row = await readPackageRow(tx, id)
    if (row.status !== 'erased') await refuseRetainedManifest(tx, row.repository_id ?? '', id, now)
    const erased = await tx.run(
      `UPDATE events SET payload = NULL WHERE subject_kind = 'package' AND subject_id = ? AND payload IS NOT NULL
         AND event_type IN ('v1.package.created', 'v1.file.ingested', 'v1.package.finalized', 'v1.manifest.put',
           'v1.retention.extended', 'v1.retention.class_raised', 'v1.retention.hold_applied', 'v1.retention.hold_released',
           'v1.package.deleted', 'v1.package.discarded')`,
      [id],
    )
    if (erased === 0) return { events: [], result: { events: 0 } }
    const payload = { legal_basis: request.legalBasis, events: erased }
    return {
      events: [{ type: 'v1.package.erased', subjectKind: 'package', subjectId: id, payload }],
      result: { events: erased },
    }
  })
  if (result.events > 0) await core.database.scrub()
  return result
}
