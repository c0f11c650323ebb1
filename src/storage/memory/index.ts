/** A store that keeps everything in this process: for tests of what stands on it, and for throw-away registries. */
import type { BlobStore, HealthProbe, Quarantine } from '../blob-store.ts'
import type { UploadStore } from '../upload-store.ts'
import { memoryBlobs } from './blob-store.ts'
import { memoryUploads } from './upload-store.ts'

export interface MemoryStore {
  readonly blobs: BlobStore & Quarantine & HealthProbe
  readonly uploads: UploadStore
}

export function openMemoryStore(): MemoryStore {
  const blobs = memoryBlobs()
  return { blobs: blobs.store, uploads: memoryUploads(blobs) }
}
