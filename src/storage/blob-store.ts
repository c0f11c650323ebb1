/**
 * The SPI of a place that keeps blobs: five methods, so that every backend and every decorator implements all of it.
 * Storage knows the canonical address (blake3) only; other algorithms are aliases that the registry keeps.
 * Backends do not hash: content is verified by the stream that the caller hands over (`verified-stream.ts`).
 */
import type { Readable } from 'node:stream'
import type { ByteRange } from './byte-range.ts'
import type { Digest } from './digest.ts'

/**
 * Bytes on their way: what a socket, a file or an upload yields. The receiver reads to the end or stops early. A chunk
 * belongs to the receiver, which may keep it for a while: whoever yields it does not write into it again.
 */
export type Content = AsyncIterable<Uint8Array>

export interface BlobStat {
  /** Bytes as stored now, which the caller compares with what the log says. */
  readonly size: number
}

export interface StoredBlob {
  readonly digest: Digest
  readonly size: number
  /** Milliseconds since the epoch, of the backend's own clock. */
  readonly storedAt: number
}

/** Where on a local disk a blob lies: what a stream of its bytes may carry as `storedFile`. */
export interface StoredFile {
  readonly root: string
  /** Below the root, its segments joined with '/'. */
  readonly path: string
}

export interface BlobStore {
  /** Missing is an answer, not an error. */
  stat(digest: Digest): Promise<BlobStat | undefined>
  /**
   * The blob's bytes, or the given part. Throws `blob-missing`, or `range-invalid` when the range is not inside the
   * blob. The caller consumes or destroys the stream.
   */
  open(digest: Digest, range?: ByteRange): Promise<Readable>
  /**
   * Makes `size` bytes of `content` readable under `digest`, all or nothing, durable when it returns. Where a blob of
   * this size is there already, drains the content and rewrites nothing; one of another size is replaced. Throws what
   * the content throws, or `size-mismatch`, and leaves nothing behind.
   */
  put(digest: Digest, size: number, content: Content): Promise<void>
  /** True if the blob was there. Removing a missing blob is not an error: two collectors may race. */
  remove(digest: Digest): Promise<boolean>
  /** Every blob in digest order, after the given one. May lag behind writes where the backend says so. */
  list(after?: Digest): AsyncIterable<StoredBlob>
}

/** A store that can move damaged bytes aside, out of reach of `open` and `stat`, kept for inspection. */
export interface Quarantine {
  /** True if the blob was there. `put` of the same digest afterwards stores it anew. */
  quarantine(digest: Digest): Promise<boolean>
}

export function canQuarantine(store: BlobStore): store is BlobStore & Quarantine {
  return 'quarantine' in store
}

export interface StoreHealth {
  readonly healthy: boolean
  readonly detail?: string
  readonly freeBytes?: number
  readonly totalBytes?: number
}

/** A store that can tell how it is. */
export interface HealthProbe {
  health(): Promise<StoreHealth>
}

export function canTellHealth(store: object): store is HealthProbe {
  return 'health' in store
}
