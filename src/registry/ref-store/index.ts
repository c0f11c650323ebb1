/** The ref store: named pairs of data and manifest, over a folder or over this registry. */
export { openFileRefStore } from './file-backend.ts'
export { isRefNotFound, parseRef, REF_LIMIT_BYTES, type RefPair, type RefStore } from './ref-store.ts'
export {
  createRefStoreRegistry,
  type RefStoreConfig,
  type RefStoreConstructor,
  type RefStoreRegistry,
} from './ref-store-registry.ts'
export { type RefBlob, type RefRecord, type RefRecords, registryRefStore } from './registry-backend.ts'
