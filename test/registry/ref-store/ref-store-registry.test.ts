import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createRefStoreRegistry, type RefStore } from '../../../src/registry/ref-store/index.ts'

const fake: RefStore = {
  name: 'fake',
  put: async () => {},
  get: async () => ({ data: new Uint8Array(), manifest: new Uint8Array() }),
  exists: async () => false,
}

it('an unknown backend is refused with the names of the known ones', async () => {
  const registry = createRefStoreRegistry()
  registry.register('fake', () => fake)
  await expect(registry.open('s3')).rejects.toMatchObject({
    code: 'field-invalid',
    message: "there is no ref store named 's3'; known are file, fake",
    detail: { known: ['file', 'fake'] },
  })
})

it('a name is registered once', () => {
  const registry = createRefStoreRegistry()
  expect(() => registry.register('file', () => fake)).toThrow("'file' is registered already")
})

it('two registries know nothing of each other', () => {
  const one = createRefStoreRegistry()
  one.register('fake', () => fake)
  expect(one.names()).toEqual(['file', 'fake'])
  expect(createRefStoreRegistry().names()).toEqual(['file'])
})

it('a backend gets the configuration it is opened with', async () => {
  const registry = createRefStoreRegistry()
  const seen: unknown[] = []
  registry.register('fake', (config) => {
    seen.push(config)
    return fake
  })
  expect(await registry.open('fake', { fileDir: 'refs' })).toBe(fake)
  expect(seen).toEqual([{ fileDir: 'refs' }])
})

it('the file backend is there without being registered', async () => {
  const fileDir = await mkdtemp(join(tmpdir(), 'ref-store-'))
  try {
    const store = await createRefStoreRegistry().open('file', { fileDir })
    expect(store.name).toBe('file')
    expect(await store.exists('a')).toBe(false)
  } finally {
    await rm(fileDir, { recursive: true, force: true })
  }
})
