/**
 * Refs over this registry: data and manifest are blobs of the content-addressed store, and one event makes the pair
 * visible. What the registry must offer for it is `RefRecords`.
 */
import type { Digest } from '../../storage/index.ts'
import { parseRef, type RefPair, type RefStore, refUnknown } from './ref-store.ts'

export interface RefBlob {
  readonly digest: Digest
  readonly size: number
}

export interface RefRecord {
  readonly data: RefBlob
  readonly manifest: RefBlob
}

export interface RefRecords {
  /** Both blobs of the last put, from one read; undefined when there was none. */
  find(ref: string): Promise<RefRecord | undefined>
  /**
   * Makes the pair visible by one event, on disk when it resolves. Where `ref` names these two blobs already, records
   * nothing, and resolves when that earlier event is on disk (core-rules 2).
   */
  put(ref: string, record: RefRecord): Promise<void>
  /** Stores the bytes as they are at the call, durably, and keeps them from collection until `put` names them. */
  storeBlob(bytes: Uint8Array): Promise<RefBlob>
  /** The verified bytes. Throws `content-missing`, `content-damaged`. */
  readBlob(blob: RefBlob): Promise<Uint8Array>
}

export function registryRefStore(records: RefRecords): RefStore {
  return {
    name: 'registry',
    async put(ref, data, manifest) {
      parseRef(ref)
      // Bytes before metadata: a crash here leaves blobs that nothing names, which collection finds.
      const [dataBlob, manifestBlob] = await Promise.all([records.storeBlob(data), records.storeBlob(manifest)])
      await records.put(ref, { data: dataBlob, manifest: manifestBlob })
    },
    async get(ref): Promise<RefPair> {
      parseRef(ref)
      const record = await records.find(ref)
      if (!record) throw refUnknown(ref)
      const [data, manifest] = await Promise.all([records.readBlob(record.data), records.readBlob(record.manifest)])
      return { data, manifest }
    },
    async exists(ref) {
      parseRef(ref)
      return (await records.find(ref)) !== undefined
    },
  }
}
