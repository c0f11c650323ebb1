/** The public face of the storage layer: bytes by digest. Concrete backends are seen by `compose.ts` only. */
export {
  type BlobStat,
  type BlobStore,
  type Content,
  canQuarantine,
  canTellHealth,
  type HealthProbe,
  type Quarantine,
  type StoredBlob,
  type StoreHealth,
} from './blob-store.ts'
export { type ByteRange, clampRange, containsRange, lengthOf } from './byte-range.ts'
export {
  ALGORITHMS,
  type Algorithm,
  algorithmOf,
  type Digest,
  digestOf,
  hexOf,
  isAlgorithm,
  parseDigest,
} from './digest.ts'
export { STORAGE_ERROR_CODES, StorageError, type StorageErrorCode } from './errors.ts'
export { armFailpoints, FAILPOINTS, type Failpoint, failpoint } from './failpoint.ts'
export { closeHashWorkers } from './hash-workers.ts'
export { digestWith, hashOf } from './hashers.ts'
export {
  createMultiHash,
  type Digests,
  digestBytes,
  hashContent,
  type MultiHash,
  type MultiHashOptions,
} from './multi-hash.ts'
export type { Received, UploadStat, UploadStore } from './upload-store.ts'
export { type Expectation, verified, verifiedStream } from './verified-stream.ts'
export { startThread } from './worker-thread.ts'
