/** Blobs: who may see them, what mounting and unlinking do, and that damaged bytes are told, never served and healed. */
import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RepositoryName } from '../../src/registry/index.ts'
import { bytesOf, contentOf, readAll } from '../support/bytes.ts'
import { DATABASES } from '../support/databases.ts'
import { codeOf, refusalOf } from '../support/refusals.ts'
import {
  ACTOR,
  addFile,
  blake3Of,
  createDraft,
  descriptorOf,
  expectSound,
  finalizedPackage,
  imageOf,
  openTestStore,
  pushBlob,
  putManifest,
  readBlob,
  readFileBytes,
  repo,
  sha256Of,
  type TestStore,
} from '../support/registry-steps.ts'

const BYTES = bytesOf(5_000, 3)
const LARGE = bytesOf(1_500_000, 4)
const NAMES = [sha256Of(BYTES), blake3Of(BYTES)]

describe.each(DATABASES)('a blob on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  function mount(to: string, from?: string, readable: readonly string[] = ['team/a']): Promise<boolean> {
    return store.registry.blobs.mount({
      repository: repo(to),
      digest: sha256Of(BYTES),
      ...(from ? { from: repo(from) } : {}),
      mayRead: (name: RepositoryName) => readable.includes(name),
      actor: ACTOR,
    })
  }

  it('that is small is read and verified once, and is only what the digest says ever after', async () => {
    for (const name of ['team/a', 'team/b']) await pushBlob(store, name, BYTES)
    const open = () => store.registry.blobs.open(repo('team/a'), sha256Of(BYTES))
    expect(Buffer.from((await open()).bytes!).equals(BYTES)).toBe(true)
    await writeFile(store.blobPath(blake3Of(BYTES)), Buffer.alloc(BYTES.length))
    expect((await readAll((await open()).content)).equals(BYTES)).toBe(true)
    // What is kept is kept for whoever may see it.
    await store.registry.blobs.remove(repo('team/a'), sha256Of(BYTES), { actor: ACTOR })
    expect(await codeOf(open())).toBe('blob-unknown')
    const inOther = () => store.registry.blobs.open(repo('team/b'), sha256Of(BYTES))
    expect((await readAll((await inOther()).content)).equals(BYTES)).toBe(true)
    await store.restart()
    expect(await codeOf(inOther())).toBe('content-damaged')
  })

  it('is unknown in every repository but its own, under each of its names', async () => {
    await pushBlob(store, 'team/a', BYTES)
    await pushBlob(store, 'team/b', Buffer.from('other'))
    for (const digest of NAMES) {
      expect((await readBlob(store, 'team/a', digest)).equals(BYTES)).toBe(true)
      for (const stranger of ['team/b', 'nobody/here']) {
        expect(await codeOf(store.registry.blobs.stat(repo(stranger), digest))).toBe('blob-unknown')
        expect(await codeOf(store.registry.blobs.open(repo(stranger), digest))).toBe('blob-unknown')
      }
    }
  })

  it('is not mounted from where the caller may not read, nor from where it is not, and nothing is recorded', async () => {
    await pushBlob(store, 'team/a', BYTES)
    await pushBlob(store, 'team/b', Buffer.from('other'))
    const before = await store.eventTypes()
    expect(await mount('team/c', 'team/a', [])).toBe(false)
    expect(await mount('team/c', undefined, [])).toBe(false)
    expect(await mount('team/c', undefined, ['team/b'])).toBe(false)
    expect(await mount('team/c', 'team/b', ['team/a', 'team/b'])).toBe(false)
    expect(await mount('team/c', 'nobody/here', ['nobody/here'])).toBe(false)
    expect(await store.eventTypes()).toEqual(before)
    expect(await codeOf(store.registry.blobs.stat(repo('team/c'), sha256Of(BYTES)))).toBe('blob-unknown')
  })

  it('is mounted from a readable repository, named or found, and mounting again changes nothing', async () => {
    await pushBlob(store, 'team/a', BYTES)
    expect(await mount('team/b', 'team/a')).toBe(true)
    expect(await mount('team/c')).toBe(true)
    const before = await store.eventTypes()
    expect(await mount('team/c')).toBe(true)
    expect(await mount('team/b', 'team/a')).toBe(true)
    expect(await store.eventTypes()).toEqual(before)
    for (const name of ['team/b', 'team/c']) expect((await readBlob(store, name, NAMES[0]!)).equals(BYTES)).toBe(true)
    await expectSound(store)
  })

  it('that was unlinked is unknown there and nowhere else, and a manifest that names it is refused', async () => {
    await pushBlob(store, 'team/a', BYTES)
    await mount('team/b', 'team/a')
    await store.registry.blobs.remove(repo('team/a'), sha256Of(BYTES), { actor: ACTOR })
    for (const digest of NAMES)
      expect(await codeOf(store.registry.blobs.stat(repo('team/a'), digest))).toBe('blob-unknown')
    const again = store.registry.blobs.remove(repo('team/a'), sha256Of(BYTES), { actor: ACTOR })
    expect(await codeOf(again)).toBe('blob-unknown')
    expect((await readBlob(store, 'team/b', NAMES[0]!)).equals(BYTES)).toBe(true)
    for (const image of [imageOf({ layers: [descriptorOf(BYTES)] }), imageOf({ config: BYTES })]) {
      const refusal = await refusalOf(() => putManifest(store, 'team/a', image, 'v1'))
      expect([refusal.code, refusal.detail.digest]).toEqual(['manifest-blob-unknown', sha256Of(BYTES)])
    }
    await pushBlob(store, 'team/a', BYTES)
    await putManifest(store, 'team/a', imageOf({ layers: [descriptorOf(BYTES)] }), 'v1')
    await expectSound(store)
  })

  it('that a repository never had may be named by its manifests, is not there, and raises no alarm', async () => {
    await pushBlob(store, 'team/other', BYTES)
    const { packageId } = await putManifest(store, 'team/a', imageOf({ layers: [descriptorOf(BYTES, 'layer')] }), 'v1')
    expect(await codeOf(store.registry.blobs.stat(repo('team/a'), sha256Of(BYTES)))).toBe('blob-unknown')
    const { items } = await store.registry.files.list(packageId, { limit: 10 })
    expect(items).toMatchObject([{ path: 'layer', digest: sha256Of(BYTES), size: BYTES.length }])
    expect(items[0]).not.toHaveProperty('blake3')
    expect(await codeOf(store.registry.files.open(items[0]!.id))).toBe('blob-unknown')
    expect(store.alarms).toEqual([])
    await expectSound(store)
  })

  it('that a kept package of the repository uses is not unlinked, and the refusal names the package', async () => {
    const kept = await finalizedPackage(store, { a: BYTES })
    const native = await store.registry.packages.manifest(kept.id)
    await pushBlob(store, 'team/a', BYTES)
    const image = imageOf({
      layers: [descriptorOf(BYTES)],
      annotations: { 'vnd.artifactstore.retention-class': 'release-evidence' },
    })
    const pushed = await putManifest(store, 'team/a', image, 'v1')
    const draft = await createDraft(store, { producer: 'draft' })
    await addFile(store, draft.id, 'a', BYTES)
    const table = [
      ['ops/site', sha256Of(BYTES), kept.id],
      ['ops/site', blake3Of(BYTES), kept.id],
      ['ops/site', blake3Of(native.bytes), kept.id],
      ['team/a', blake3Of(BYTES), pushed.packageId],
      ['draft/site', sha256Of(BYTES), draft.id],
    ] as const
    for (const [repository, digest, owner] of table) {
      const refusal = await refusalOf(store.registry.blobs.remove(repo(repository), digest, { actor: ACTOR }))
      expect([refusal.code, refusal.detail.package_id]).toEqual(['retained', owner])
    }
    await expectSound(store)
  })

  it('is read in the asked range only, and a range outside it is refused', async () => {
    await pushBlob(store, 'team/a', BYTES)
    await pushBlob(store, 'team/a', LARGE)
    for (const bytes of [BYTES, LARGE]) {
      const open = (first: number, last: number) =>
        store.registry.blobs.open(repo('team/a'), sha256Of(bytes), { first, last })
      for (const [first, last] of [
        [0, 0],
        [10, 99],
        [bytes.length - 1, bytes.length - 1],
        [0, bytes.length - 1],
      ] as const) {
        const opened = await open(first, last)
        expect(opened.size).toBe(bytes.length)
        expect((await readAll(opened.content)).equals(bytes.subarray(first, last + 1))).toBe(true)
      }
      for (const [first, last] of [
        [0, bytes.length],
        [bytes.length, bytes.length],
        [5, 4],
        [-1, 3],
      ] as const) {
        expect(await codeOf(open(first, last))).toBe('range-invalid')
      }
    }
  })
})

type Damage = readonly [
  what: string,
  bytes: Buffer,
  damage: (file: string) => Promise<unknown>,
  code: 'content-damaged' | 'content-missing',
  mismatch: string,
]

const DAMAGES: readonly Damage[] = [
  [
    'a flipped byte',
    BYTES,
    async (file) => writeFile(file, flipped(await readFile(file))),
    'content-damaged',
    'digest',
  ],
  ['lost bytes', BYTES, (file) => truncate(file, 100), 'content-damaged', 'size'],
  ['lost bytes of a large blob', LARGE, (file) => truncate(file, 100), 'content-damaged', 'size'],
  ['no file', BYTES, (file) => rm(file), 'content-missing', 'missing'],
  ['no file of a large blob', LARGE, (file) => rm(file), 'content-missing', 'missing'],
]

function flipped(bytes: Buffer): Buffer {
  bytes[7]! ^= 1
  return bytes
}

describe.each(DATABASES)('damaged bytes on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it.each(DAMAGES)('with %s are not served, raise one alarm, and are healed by the same push', async (...damage) => {
    const [, bytes, breakFile, code, mismatch] = damage
    await pushBlob(store, 'team/a', bytes)
    await pushBlob(store, 'team/b', bytes)
    const digest = sha256Of(bytes)
    await breakFile(store.blobPath(blake3Of(bytes)))
    const refusals = await Promise.all(
      ['team/a', 'team/b', 'team/a'].map((name) => refusalOf(store.registry.blobs.open(repo(name), digest))),
    )
    // Who comes when the first has moved the bytes aside finds none.
    for (const refusal of refusals) expect(['content-damaged', 'content-missing']).toContain(refusal.code)
    expect(store.alarms).toEqual([{ what: code, detail: { blake3: blake3Of(bytes), backend: 'local', mismatch } }])
    expect(await store.registry.health()).toMatchObject({ healthy: false, failedLocations: 1 })
    await store.restart()
    for (const name of ['team/a', 'team/b']) {
      expect(await codeOf(store.registry.blobs.stat(repo(name), digest))).toBe('blob-unknown')
      expect(['content-damaged', 'content-missing']).toContain(
        await codeOf(store.registry.blobs.open(repo(name), digest)),
      )
    }
    const mounting = { repository: repo('team/c'), digest, mayRead: () => true, actor: ACTOR }
    expect(await store.registry.blobs.mount(mounting)).toBe(false)
    expect(store.alarms).toHaveLength(1)
    await expectSound(store)
    await pushBlob(store, 'team/b', bytes)
    for (const name of ['team/a', 'team/b']) expect((await readBlob(store, name, digest)).equals(bytes)).toBe(true)
    expect(await store.registry.health()).toMatchObject({ healthy: true, failedLocations: 0 })
    const types = (await store.eventTypes()).filter((type) => type === 'v1.storage.location_verified')
    expect(types).toHaveLength(2)
    await expectSound(store)
  })

  it('are found by HEAD where the size tells, and the client is asked to push again', async () => {
    await pushBlob(store, 'team/a', BYTES)
    await truncate(store.blobPath(blake3Of(BYTES)), 1)
    expect(await codeOf(store.registry.blobs.stat(repo('team/a'), sha256Of(BYTES)))).toBe('blob-unknown')
    expect(store.alarms).toMatchObject([{ what: 'content-damaged', detail: { mismatch: 'size' } }])
    await pushBlob(store, 'team/a', BYTES)
    expect(await store.registry.blobs.stat(repo('team/a'), sha256Of(BYTES))).toMatchObject({ size: BYTES.length })
    await expectSound(store)
  })

  it('of a file of a package are healed by adding the same bytes anywhere', async () => {
    const kept = await finalizedPackage(store, { a: BYTES })
    const [file] = (await store.registry.files.list(kept.id, { limit: 1 })).items
    await writeFile(store.blobPath(blake3Of(BYTES)), flipped(Buffer.from(BYTES)))
    expect(await codeOf(store.registry.files.open(file!.id))).toBe('content-damaged')
    const draft = await createDraft(store)
    await addFile(store, draft.id, 'same', BYTES)
    expect((await readFileBytes(store, file!.id)).equals(BYTES)).toBe(true)
    await expectSound(store)
  })

  it('are not moved away under a push that has just healed them', async () => {
    await pushBlob(store, 'team/a', BYTES)
    for (let round = 0; round < 5; round += 1) {
      await writeFile(store.blobPath(blake3Of(BYTES)), flipped(Buffer.from(BYTES)))
      const reads = Array.from({ length: 4 }, () =>
        store.registry.blobs.open(repo('team/a'), sha256Of(BYTES)).catch((error) => error),
      )
      await Promise.all([...reads, pushBlob(store, 'team/a', BYTES)])
      await pushBlob(store, 'team/a', BYTES)
      const answer = await store.registry.blobs.stat(repo('team/a'), sha256Of(BYTES)).catch((error) => error)
      if ('code' in answer) await pushBlob(store, 'team/a', BYTES)
      await expectSound(store)
    }
  })

  it('are told also when the registry does not write, as a ref store reads them', async () => {
    await store.registry.refs.put('a/b', BYTES, Buffer.from('manifest'))
    await rm(store.blobPath(blake3Of(BYTES)))
    await expect(store.registry.refs.get('a/b')).rejects.toMatchObject({ code: 'content-missing' })
    await store.registry.refs.put('a/b', BYTES, Buffer.from('manifest'))
    expect(await readAll(contentOf((await store.registry.refs.get('a/b')).data))).toEqual(BYTES)
    await expectSound(store)
  })
})
