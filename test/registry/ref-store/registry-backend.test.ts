/** The registry backend over a memory blob store and one map of records, which stands for the view that events fold to. */
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../../src/registry/errors.ts'
import {
  type RefBlob,
  type RefRecord,
  type RefRecords,
  registryRefStore,
} from '../../../src/registry/ref-store/index.ts'
import { digestWith } from '../../../src/storage/index.ts'
import { openMemoryStore } from '../../../src/storage/memory/index.ts'
import { describeRefStore } from '../../contract/ref-store.contract.ts'

function memoryRecords() {
  const { blobs } = openMemoryStore()
  const view = new Map<string, RefRecord>()
  const events: string[] = []
  const records: RefRecords = {
    find: async (ref) => view.get(ref),
    async put(ref, record) {
      const known = view.get(ref)
      if (known?.data.digest === record.data.digest && known.manifest.digest === record.manifest.digest) return
      view.set(ref, record)
      events.push(ref)
    },
    async storeBlob(bytes) {
      const copy = bytes.slice()
      const digest = digestWith('blake3', copy)
      await blobs.put(
        digest,
        copy.length,
        (async function* () {
          yield copy
        })(),
      )
      return { digest, size: copy.length }
    },
    async readBlob(blob: RefBlob) {
      const chunks: Uint8Array[] = []
      for await (const chunk of await blobs.open(blob.digest)) chunks.push(chunk as Uint8Array)
      return new Uint8Array(Buffer.concat(chunks))
    },
  }
  return { records, events, blobs }
}

describeRefStore('registry', async () => {
  const { records, events } = memoryRecords()
  return {
    store: registryRefStore(records),
    reopen: async () => registryRefStore(records),
    changes: async () => events.length,
    close: async () => {},
  }
})

describe('the registry ref store', () => {
  it('records nothing when storing one of the blobs fails', async () => {
    const { records, events } = memoryRecords()
    const storeBlob = records.storeBlob
    const failing: RefRecords = {
      ...records,
      storeBlob: async (bytes) => {
        if (bytes.length === 1) throw new RegistryError('storage-full', 'the store has no room')
        return storeBlob(bytes)
      },
    }
    await expect(registryRefStore(failing).put('a', new Uint8Array(5), new Uint8Array(1))).rejects.toMatchObject({
      code: 'storage-full',
    })
    expect(events).toEqual([])
    expect(await registryRefStore(records).exists('a')).toBe(false)
  })

  it('stores equal bytes of two refs once', async () => {
    const { records, blobs } = memoryRecords()
    const store = registryRefStore(records)
    await store.put('a', new TextEncoder().encode('same'), new TextEncoder().encode('{}'))
    await store.put('b', new TextEncoder().encode('same'), new TextEncoder().encode('{}'))
    const stored = []
    for await (const blob of blobs.list()) stored.push(await text(await blobs.open(blob.digest)))
    expect(stored.sort()).toEqual(['same', '{}'])
  })
})
