/**
 * Small blobs for whoever pulls and does not look after the store: what was read and verified before comes from memory, so that
 * damage since then is not noticed. What the digest says is what is sent in any case, and who may see it is decided before.
 */
import type { ByteRange } from '../storage/index.ts'
import { type BlobRow, inMemory, openBlob, type ShownBlob } from './blob-access.ts'
import { ByteCache } from './byte-cache.ts'
import type { Core } from './core.ts'
import type { OpenedBlob } from './registry.ts'

/** Of blobs kept: configs, signatures and charts that are pulled over and over. */
const LIMIT_BYTES = 16 * 1024 * 1024
/** Larger ones are rare, and cost more to send than to read. */
const KEPT_BYTES = 64 * 1024

/** Opens as `openBlob` does, and throws the same. */
export function createKeptBlobs(
  core: Core,
): (row: BlobRow, shown: ShownBlob, range?: ByteRange) => Promise<OpenedBlob> {
  const kept = new ByteCache<Buffer>(LIMIT_BYTES)
  return async (row, shown, range) => {
    if (range || row.size > KEPT_BYTES || row.status === 'failed') return openBlob(core, row, shown, range)
    const known = kept.get(row.blake3)
    if (known) return inMemory(row, shown, known)
    const opened = await openBlob(core, row, shown)
    // In memory of its own: a part of a pooled buffer would keep all of that.
    const own = Buffer.allocUnsafeSlow(row.size)
    own.set(opened.bytes!)
    kept.set(row.blake3, own, row.size)
    return opened
  }
}
