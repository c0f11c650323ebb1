/** Ends what has expired: uploads, idempotency keys, and staged bytes that a crash left without a row. */
import type { Core } from '../core.ts'
import { drop } from './staging.ts'

export async function sweepUploads(core: Core): Promise<{ discarded: number }> {
  const now = core.clock()
  const { reader } = core.database
  const expired = await reader.all<{ upload_id: string; store_id: string; backend_id: string }>(
    'SELECT upload_id, store_id, backend_id FROM uploads WHERE expires_at <= ? AND lease_until <= ? ORDER BY expires_at LIMIT 1000',
    [now, now],
  )
  let discarded = 0
  for (const row of expired) {
    if (row.store_id !== '') await drop(core, { storeId: row.store_id, backendId: row.backend_id })
    await core.recorder.write(
      (tx) => tx.run('DELETE FROM uploads WHERE upload_id = ?', [row.upload_id]) as Promise<number>,
    )
    discarded += 1
  }
  await core.recorder.write(async (tx) => tx.run('DELETE FROM idempotency_keys WHERE expires_at <= ?', [now]))
  for (const backend of core.backends.values()) {
    for await (const upload of backend.uploads.list()) {
      // Nobody writes for longer than an upload lives, so these bytes belong to a request that is gone.
      if (upload.modifiedAt > now - core.uploadExpirySeconds * 1_000) continue
      const row = await reader.get('SELECT upload_id FROM uploads WHERE store_id = ?', [upload.id])
      if (!row && (await backend.uploads.discard(upload.id))) discarded += 1
    }
  }
  return { discarded }
}
