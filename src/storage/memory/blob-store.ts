/** Blobs in a map. Nothing survives the process; everything else is the contract of the SPI. */
import { Readable } from 'node:stream'
import type { BlobStore, Content, HealthProbe, Quarantine, StoredBlob } from '../blob-store.ts'
import { type ByteRange, containsRange } from '../byte-range.ts'
import type { Digest } from '../digest.ts'
import { StorageError } from '../errors.ts'

interface Kept {
  readonly bytes: Buffer
  readonly storedAt: number
}

export interface MemoryBlobs {
  readonly store: BlobStore & Quarantine & HealthProbe
  /** Keeps the bytes unless a blob of their size is there. */
  keep(digest: Digest, bytes: Buffer): void
}

/** One chunk for each this many bytes, so that readers meet back-pressure as they do with a disk. */
const CHUNK_BYTES = 64 * 1024

export function memoryBlobs(): MemoryBlobs {
  const blobs = new Map<Digest, Kept>()
  const quarantined = new Map<string, Kept>()
  const keep = (digest: Digest, bytes: Buffer) => {
    if (blobs.get(digest)?.bytes.length !== bytes.length) blobs.set(digest, { bytes, storedAt: Date.now() })
  }
  const store: BlobStore & Quarantine & HealthProbe = {
    async stat(digest) {
      const kept = blobs.get(digest)
      return kept && { size: kept.bytes.length }
    },
    async open(digest, range) {
      const kept = blobs.get(digest)
      if (!kept) throw new StorageError('blob-missing', { digest })
      return Readable.from(slices(part(kept.bytes, digest, range)), { objectMode: false })
    },
    async put(digest, size, content) {
      keep(digest, await collect(content, size))
    },
    async remove(digest) {
      return blobs.delete(digest)
    },
    async *list(after) {
      for (const digest of [...blobs.keys()].sort()) {
        const kept = blobs.get(digest)
        if (kept && (after === undefined || digest > after)) yield storedBlob(digest, kept)
      }
    },
    async quarantine(digest) {
      const kept = blobs.get(digest)
      if (kept) quarantined.set(`${digest}.${quarantined.size}`, kept)
      return blobs.delete(digest)
    },
    async health() {
      return { healthy: true }
    },
  }
  return { store, keep }
}

function storedBlob(digest: Digest, kept: Kept): StoredBlob {
  return { digest, size: kept.bytes.length, storedAt: kept.storedAt }
}

function part(bytes: Buffer, digest: Digest, range: ByteRange | undefined): Buffer {
  if (!range) return bytes
  if (!containsRange(range, bytes.length))
    throw new StorageError('range-invalid', { digest, size: bytes.length, ...range })
  return bytes.subarray(range.first, range.last + 1)
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
}

async function collect(content: Content, expected: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let actual = 0
  for await (const chunk of content) {
    actual += chunk.byteLength
    if (actual > expected) throw new StorageError('size-mismatch', { expected, actual })
    chunks.push(chunk)
  }
  if (actual !== expected) throw new StorageError('size-mismatch', { expected, actual })
  return Buffer.concat(chunks)
}
