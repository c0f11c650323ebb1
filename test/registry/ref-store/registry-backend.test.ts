/** The registry backend over a real registry on each engine, and over memory, where a test can make each step fail. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
import { DATABASES } from '../../support/databases.ts'
import { openTestRegistry } from '../../support/open-test-registry.ts'

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

describeRefStore(
  'registry',
  async () => {
    const { records, events } = memoryRecords()
    return {
      store: registryRefStore(records),
      reopen: async () => registryRefStore(records),
      changes: async () => events.length,
      close: async () => {},
    }
  },
  'memory',
)

describe.each(DATABASES)('on $engine', ({ engine, create }) => {
  describeRefStore(
    'registry',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'ref-store-'))
      const { location, drop } = await create(folder)
      const { registry, close } = await openTestRegistry({ folder, location })
      return {
        store: registry.refs,
        reopen: async () => registry.refs,
        async changes() {
          const { events } = await registry.events.read({ limit: 1000, types: ['v1.ref.put'] })
          return events.length
        },
        async close() {
          const report = await registry.verifyViews()
          await close()
          await drop()
          expect(report.differences).toEqual([])
        },
      }
    },
    engine,
  )
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
