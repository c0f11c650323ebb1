/**
 * Brings the store to what an upload's row says, before a request goes on with it: bytes beyond the acknowledged ones go,
 * and what became a blob without an event is fetched back.
 *
 * Whoever takes over a lease that lapsed also takes the bytes to a new place. The holder before may only have stood still
 * and write what it still has in hand: it writes where nobody looks any more.
 */
import { Readable } from 'node:stream'
import { type Content, StorageError, type StorageErrorCode, type UploadStore, verified } from '../../storage/index.ts'
import { backendOf, type Core, storageRefusal } from '../core.ts'
import { drop } from './staging.ts'
import { boundTo, closeUpload, leaseLost, replaceStoreId, type UploadRow, uploadUnknown } from './upload-rows.ts'

const LOST: ReadonlySet<StorageErrorCode> = new Set(['blob-missing', 'size-mismatch', 'digest-mismatch'])

/**
 * Returns the row as it is then. `before` is the row as the lease was taken. Throws `upload-unknown` where the acknowledged
 * bytes are nowhere: after a failed fsync the store drops them, since nobody can believe them.
 */
export async function recallUpload(core: Core, before: UploadRow, owner: string): Promise<UploadRow> {
  try {
    const isStale = before.lease_owner !== null
    const row = isStale ? { ...before, store_id: core.ids.uuid() } : before
    if (await bring(core, before, row)) {
      if (isStale) await settle(core, { before, row, owner })
      return row
    }
  } catch (error) {
    if (!(error instanceof StorageError && LOST.has(error.code))) throw storageRefusal(error)
  }
  await core.recorder.write((tx) => closeUpload(tx, before.upload_id, before.expires_at))
  await drop(core, { storeId: before.store_id, backendId: before.backend_id })
  throw uploadUnknown(before.upload_id)
}

/** False when the acknowledged bytes of `from` are nowhere. */
async function bring(core: Core, from: UploadRow, to: UploadRow): Promise<boolean> {
  const nothing = Readable.from([])
  const { uploads, blobs } = backendOf(core, from.backend_id)
  const stored = (await uploads.size(from.store_id)) ?? 0
  const digest = boundTo(from)
  if (stored >= from.size) {
    if (to !== from) await copy(uploads, to, stored > 0 ? first(await uploads.read(from.store_id), from.size) : nothing)
    // An append drops what lies beyond its offset.
    else if (stored > from.size) await uploads.append(from.store_id, from.size, nothing)
    return true
  }
  if (digest) await copy(uploads, to, verified(await blobs.open(digest), { digest, size: from.size }))
  return digest !== undefined
}

async function copy(uploads: UploadStore, to: UploadRow, content: Content): Promise<void> {
  await uploads.create(to.store_id)
  await uploads.append(to.store_id, 0, content)
}

async function settle(core: Core, move: { before: UploadRow; row: UploadRow; owner: string }): Promise<void> {
  const { before, row, owner } = move
  const isHeld = await core.recorder.write((tx) => replaceStoreId(tx, row.upload_id, owner, row.store_id))
  await drop(core, { storeId: isHeld ? before.store_id : row.store_id, backendId: row.backend_id })
  if (!isHeld) throw leaseLost(row.upload_id)
}

async function* first(content: Content, size: number): AsyncGenerator<Uint8Array> {
  let left = size
  for await (const chunk of content) {
    if (left > 0) yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}
