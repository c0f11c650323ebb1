/** Manifests of `/v2/`: what a put means the first, the second and a later time, what keeps them, and who refers to them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OCI_MANIFEST_LIMIT_BYTES, parseReference } from '../../src/registry/index.ts'
import type { Digest } from '../../src/storage/index.ts'
import { bytesOf } from '../support/bytes.ts'
import { DATABASES } from '../support/databases.ts'
import { openTestRegistry } from '../support/open-test-registry.ts'
import { codeOf, refusalOf } from '../support/refusals.ts'
import {
  ACTOR,
  createDraft,
  descriptorOf,
  expectSound,
  finalizedPackage,
  imageOf,
  indexOf,
  openTestStore,
  pushBlob,
  putManifest,
  repo,
  sha256Of,
  sha512Of,
  type TestStore,
  tagOf,
} from '../support/registry-steps.ts'

const REPOSITORY = repo('team/app')
const GRACE = 7 * 24 * 3_600

describe.each(DATABASES)('a manifest on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  const put = (bytes: Uint8Array, reference?: string, tags: readonly string[] = []) =>
    putManifest(store, REPOSITORY, bytes, reference, tags)
  const get = (reference: string) => store.registry.manifests.get(REPOSITORY, parseReference(reference))
  const remove = (digest: string) => store.registry.manifests.remove(REPOSITORY, digest as Digest, { actor: ACTOR })
  const tagNames = async () => (await store.registry.tags.list(REPOSITORY, {})).tags

  it('that is not what its digest says, too large, or of an unknown class is refused and leaves nothing', async () => {
    const image = imageOf()
    expect(await codeOf(() => put(image, sha256Of(Buffer.from('x'))))).toBe('digest-mismatch')
    expect(await codeOf(() => put(Buffer.alloc(OCI_MANIFEST_LIMIT_BYTES + 1, 0x20)))).toBe('manifest-too-large')
    expect(await codeOf(() => put(Buffer.from('{')))).toBe('manifest-invalid')
    const refusal = await refusalOf(() =>
      put(imageOf({ annotations: { 'vnd.artifactstore.retention-class': 'eternal' } })),
    )
    expect(refusal.code).toBe('manifest-invalid')
    expect(refusal.message).toContain('user-managed, transient, raw-evidence')
    expect(await store.eventTypes()).toEqual([])
    expect(await codeOf(() => get('v1'))).toBe('repository-unknown')
  })

  it('put again while it lives changes nothing', async () => {
    const image = imageOf()
    const first = await put(image, 'v1')
    const before = await store.eventTypes()
    expect(await put(image, 'v1')).toEqual(first)
    expect(await put(image)).toMatchObject({ packageId: first.packageId })
    expect(await store.eventTypes()).toEqual(before)
    expect(Buffer.from((await get('v1')).bytes)).toEqual(image)
  })

  it('put again within the grace after its deletion is restored, with its id and without its tags', async () => {
    const image = imageOf()
    const first = await put(image, 'v1', ['v2'])
    await remove(first.digest)
    expect(await codeOf(() => get('v1'))).toBe('manifest-unknown')
    expect(await codeOf(() => get(first.digest))).toBe('manifest-unknown')
    expect(await codeOf(() => remove(first.digest))).toBe('manifest-unknown')
    expect(await tagNames()).toEqual([])
    expect((await store.registry.packages.get(first.packageId)).status).toBe('deleted')
    store.clock.advance(GRACE - 1)
    expect(await put(image, 'v3')).toMatchObject({ packageId: first.packageId })
    expect(await tagNames()).toEqual(['v3'])
    expect(await store.registry.packages.get(first.packageId)).toMatchObject({
      status: 'finalized',
      oci: { tags: ['v3'] },
    })
    expect((await store.eventTypes()).slice(-2)).toEqual(['v1.manifest.restored', 'v1.tag.set'])
    await expectSound(store)
  })

  it('put again after the grace is another package with a history of its own', async () => {
    const image = imageOf()
    const ids: string[] = []
    for (let generation = 1; generation <= 3; generation += 1) {
      const { packageId, digest } = await put(image, 'v1')
      ids.push(packageId)
      await remove(digest)
      store.clock.advance(GRACE)
    }
    expect(new Set(ids).size).toBe(3)
    const rows = await store.database.reader.all('SELECT package_id, generation FROM manifests ORDER BY generation')
    expect(rows).toEqual(ids.map((id, n) => ({ package_id: id, generation: n + 1 })))
    for (const id of ids) expect((await store.registry.packages.get(id)).status).toBe('deleted')
    const other = await openTestStore(engine)
    expect((await putManifest(other, REPOSITORY, image)).packageId).toBe(ids[0])
    await other.close()
    await expectSound(store)
  })

  it('under its sha256 and under its sha512 is two manifests', async () => {
    const image = imageOf()
    const a = await put(image, sha256Of(image))
    const b = await put(image, sha512Of(image), ['v1'])
    expect(a.packageId).not.toBe(b.packageId)
    expect([a.digest, b.digest]).toEqual([sha256Of(image), sha512Of(image)])
    expect((await get('v1')).digest).toBe(sha512Of(image))
    await remove(a.digest)
    expect((await get(sha512Of(image))).packageId).toBe(b.packageId)
    await expectSound(store)
  })

  it('with several tags at once gets them all, and a tag that moves leaves the other manifest untagged', async () => {
    const one = imageOf({ annotations: { n: '1' } })
    const two = imageOf({ annotations: { n: '2' } })
    expect((await put(one, sha256Of(one), ['b', 'a', 'b'])).tags).toEqual(['b', 'a'])
    expect((await put(two, 'a', ['c'])).tags).toEqual(['a', 'c'])
    expect(await tagNames()).toEqual(['a', 'b', 'c'])
    expect((await get('a')).digest).toBe(sha256Of(two))
    expect((await get('b')).digest).toBe(sha256Of(one))
    const page = await store.registry.tags.list(REPOSITORY, { limit: 2 })
    expect(page).toEqual({ tags: ['a', 'b'], more: true })
    expect(await store.registry.tags.list(REPOSITORY, { limit: 2, last: 'b' })).toEqual({ tags: ['c'], more: false })
  })

  it('may be an index of manifests and blobs that were never pushed', async () => {
    const child = imageOf({ layers: [descriptorOf(Buffer.from('nowhere'))] })
    const index = indexOf([child])
    await put(index, 'v1')
    expect(await codeOf(() => get(sha256Of(child)))).toBe('manifest-unknown')
    expect(store.alarms).toEqual([])
    await put(child)
    expect((await get(sha256Of(child))).size).toBe(child.length)
    await expectSound(store)
  })

  it('with text that no index of a database can hold is kept all the same', async () => {
    // Random, because databases compress what repeats.
    const long = bytesOf(9_000).toString('base64')
    const annotations = { key: long, [long]: 'value', 'vnd.artifactstore.subject': long }
    const image = imageOf({ annotations, artifactType: 'application/x' })
    const { packageId } = await put(image, 'v1')
    expect((await store.registry.packages.get(packageId)).metadata).toMatchObject({ key: long })
    expect((await store.registry.packages.get(packageId)).subject).toBe('team/app')
    await createDraft(store, { metadata: { long } })
    for (const image of [
      imageOf({ artifactType: `application/${long}` }),
      imageOf({ layers: [{ ...descriptorOf(Buffer.from('x')), digest: `foreign:${'a'.repeat(9_000)}` }] }),
    ]) {
      expect(await codeOf(() => put(image))).toBe('manifest-invalid')
    }
    await expectSound(store)
  })

  it('is not deleted where its own class, an index above it, or its subject keeps it', async () => {
    const kept = { 'vnd.artifactstore.retention-class': 'release-evidence' }
    const own = imageOf({ annotations: kept })
    const child = imageOf({ annotations: { n: 'child' } })
    const grandchild = imageOf({ annotations: { n: 'grandchild' } })
    const middle = indexOf([grandchild])
    const index = Buffer.from(
      JSON.stringify({
        ...JSON.parse(indexOf([child], kept).toString()),
        manifests: [
          ...JSON.parse(indexOf([child]).toString()).manifests,
          { ...descriptorOf(middle), mediaType: 'application/vnd.oci.image.index.v1+json' },
        ],
      }),
    )
    const signature = imageOf({ subject: descriptorOf(own), artifactType: 'application/signature' })
    for (const bytes of [own, child, grandchild, middle, index, signature]) await put(bytes)
    const owners = new Map([
      [own, own],
      [child, index],
      [grandchild, index],
      [middle, index],
      [index, index],
      [signature, own],
    ])
    for (const [bytes, owner] of owners) {
      const refusal = await refusalOf(remove(sha256Of(bytes)))
      expect(refusal.code).toBe('retained')
      expect(refusal.detail).toMatchObject({
        package_id: (await get(sha256Of(owner))).packageId,
        retention_class: 'release-evidence',
      })
    }
    const free = imageOf({ annotations: { n: 'free' } })
    await put(free)
    await remove(sha256Of(free))
    await expectSound(store)
  })

  it('is kept by the class that is configured for what names none', async () => {
    await store.restart({ ociRetentionClass: 'transient' })
    const { packageId, digest } = await put(imageOf(), 'v1')
    expect(await store.registry.packages.get(packageId)).toMatchObject({
      retentionClass: 'transient',
      expiresAt: '2026-01-02T00:00:00.000Z',
    })
    expect(await codeOf(remove(digest))).toBe('retained')
    const free = imageOf({ annotations: { 'vnd.artifactstore.retention-class': 'user-managed' } })
    await put(free)
    await remove(sha256Of(free))
    await expectSound(store)
  })

  it('whose tag another process moved is the new one at once', async () => {
    const one = imageOf({ annotations: { n: '1' } })
    const two = imageOf({ annotations: { n: '2' } })
    await put(one, 'v1')
    expect((await get('v1')).digest).toBe(sha256Of(one))
    const other = await openTestRegistry({
      folder: store.folder,
      location: store.location,
      dependencies: { clock: store.clock, soleServer: false },
    })
    await putManifest(other, REPOSITORY, two, 'v1')
    expect((await get('v1')).digest).toBe(sha256Of(two))
    await other.registry.manifests.remove(REPOSITORY, sha256Of(two), { actor: ACTOR })
    expect(await codeOf(() => get('v1'))).toBe('manifest-unknown')
    await other.registry.dispose()
  })

  it('that refers to itself through others is deleted all the same', async () => {
    const a = imageOf({ annotations: { n: 'a' } })
    const b = imageOf({ subject: descriptorOf(a) })
    const index = indexOf([a, b])
    for (const bytes of [a, b, index]) await put(bytes)
    for (const bytes of [a, b, index]) await remove(sha256Of(bytes))
    await expectSound(store)
  })
})

describe.each(DATABASES)('referrers on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('follow the manifests that refer, deleted and restored, in digest order and page by page', async () => {
    const subject = imageOf()
    const list = async (page: { artifactTypes?: string[]; limit?: number; after?: string } = {}) =>
      store.registry.referrers.list(REPOSITORY, sha256Of(subject), { limit: 10, ...page })
    expect(await list()).toEqual({ referrers: [] })
    const made = ['x', 'y', 'x', 'y', 'x'].map((type, n) =>
      imageOf({ subject: descriptorOf(subject), artifactType: `application/${type}`, annotations: { n: String(n) } }),
    )
    for (const bytes of made) expect((await putManifest(store, REPOSITORY, bytes)).subject).toBe(sha256Of(subject))
    const digests = made.map(sha256Of).sort()
    expect((await list()).referrers.map(({ digest }) => digest)).toEqual(digests)
    const paged: string[] = []
    let after: string | undefined
    do {
      const page = await list({ limit: 2, ...(after ? { after } : {}) })
      paged.push(...page.referrers.map(({ digest }) => digest))
      after = page.next
    } while (after)
    expect(paged).toEqual(digests)
    const xs = await list({ artifactTypes: ['application/x'] })
    expect(xs.referrers).toHaveLength(3)
    expect(xs.referrers[0]).toMatchObject({ artifactType: 'application/x', annotations: { n: expect.any(String) } })
    const gone = sha256Of(made[0]!)
    await store.registry.manifests.remove(REPOSITORY, gone, { actor: ACTOR })
    expect((await list()).referrers.map(({ digest }) => digest)).toEqual(digests.filter((digest) => digest !== gone))
    await putManifest(store, REPOSITORY, made[0]!)
    expect((await list()).referrers.map(({ digest }) => digest)).toEqual(digests)
    expect(await store.registry.referrers.list(repo('team/other'), sha256Of(subject), { limit: 10 })).toEqual({
      referrers: [],
    })
    await expectSound(store)
  })
})

describe.each(DATABASES)('tags on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('equal to a package id belong to that package: nobody puts, moves or deletes them', async () => {
    const one = await finalizedPackage(store)
    const two = await finalizedPackage(store)
    const { tags, manifests } = store.registry
    expect(await codeOf(tags.set(two.id, tagOf(one.id), { actor: ACTOR }))).toBe('tag-reserved')
    expect(await codeOf(() => putManifest(store, 'ops/site', imageOf(), one.id))).toBe('tag-reserved')
    expect(await codeOf(() => putManifest(store, 'team/app', imageOf(), one.id))).toBe('tag-reserved')
    expect(await codeOf(tags.remove(repo('ops/site'), tagOf(one.id), { actor: ACTOR }))).toBe('tag-reserved')
    expect((await manifests.get(repo('ops/site'), { tag: tagOf(one.id) })).packageId).toBe(one.id)
    expect((await tags.set(one.id, tagOf(one.id), { actor: ACTOR })).oci?.tags).toEqual([one.id])
    expect((await store.registry.catalog.list({ limit: 10 })).repositories).toEqual(['ops/site'])
    const free = '01234567-89ab-7def-8123-456789abcdef'
    await putManifest(store, 'team/app', imageOf(), free)
    await expectSound(store)
  })

  it('are set on finalized packages only, and removed without touching the manifest', async () => {
    const { tags } = store.registry
    const draft = await createDraft(store)
    expect(await codeOf(tags.set(draft.id, tagOf('v1'), { actor: ACTOR }))).toBe('package-not-finalized')
    expect(await codeOf(tags.set('nowhere', tagOf('v1'), { actor: ACTOR }))).toBe('package-unknown')
    const done = await finalizedPackage(store)
    expect((await tags.set(done.id, tagOf('v1'), { actor: ACTOR })).oci?.tags).toEqual([done.id, 'v1'])
    const before = await store.eventTypes()
    await tags.set(done.id, tagOf('v1'), { actor: ACTOR })
    expect(await store.eventTypes()).toEqual(before)
    await tags.remove(repo('ops/site'), tagOf('v1'), { actor: ACTOR })
    expect(await codeOf(tags.remove(repo('ops/site'), tagOf('v1'), { actor: ACTOR }))).toBe('tag-unknown')
    expect(await codeOf(tags.remove(repo('no/where'), tagOf('v1'), { actor: ACTOR }))).toBe('repository-unknown')
    expect((await store.registry.packages.get(done.id)).oci?.tags).toEqual([done.id])
    await expectSound(store)
  })

  it('that name a draft say so in its own repository, and nothing about it in another', async () => {
    const draft = await createDraft(store)
    await putManifest(store, 'team/app', imageOf())
    const asked = (repository: string) =>
      refusalOf(store.registry.manifests.get(repo(repository), { tag: tagOf(draft.id) }))
    expect((await asked('ops/site')).message).toContain('not finalized')
    const stranger = await asked('team/app')
    expect(stranger.code).toBe('manifest-unknown')
    expect(stranger.message).toBe(`Repository 'team/app' has no manifest for tag '${draft.id}'`)
  })

  it('of a package with more files than an OCI manifest holds say that it has none, and finalize says it too', async () => {
    const draft = await createDraft(store)
    await pushBlob(store, 'ops/site', Buffer.from('x'))
    const files = 27_000
    await addFilesDirectly(store, draft.id, files)
    const { ociAbsentReason, package: done } = await store.registry.packages.finalize(draft.id, { actor: ACTOR })
    expect(ociAbsentReason).toMatch(/an OCI manifest of 27000 files would take more than 4194304 bytes/)
    expect(done).toMatchObject({ oci: null, fileCount: files, status: 'finalized' })
    const lookup = await refusalOf(store.registry.manifests.get(repo('ops/site'), { tag: tagOf(done.id) }))
    expect(lookup.code).toBe('manifest-unknown')
    expect(lookup.message).toContain('its OCI manifest would be over 4 MiB; read it through the native API')
    const tagging = await refusalOf(store.registry.tags.set(done.id, tagOf('v1'), { actor: ACTOR }))
    expect(tagging.message).toContain('over 4 MiB')
    expect(await codeOf(() => store.registry.packages.ociManifest(done.id))).toBe('manifest-unknown')
    expect(await store.registry.signatures.list(done.id, { limit: 5 })).toEqual({ items: [] })
    expect((await store.registry.packages.manifest(done.id)).digest).toBe(done.manifestDigest)
    expect((await store.registry.files.list(done.id, { limit: 5 })).items.map(({ path }) => path)).toEqual(
      [0, 1, 2, 3, 4].map((n) => `f0000${n}`),
    )
  }, 60_000)
})

/** The rows of the files view as that many ingest events would leave them. */
async function addFilesDirectly(store: TestStore, id: string, count: number): Promise<void> {
  const digest = (await store.registry.blobs.stat(repo('ops/site'), sha256Of(Buffer.from('x')))).digest
  const alias = await store.database.reader.get<{ blake3: string }>('SELECT blake3 FROM blob_aliases WHERE alias = ?', [
    digest,
  ])
  await store.tamper(async (sql) => {
    for (let from = 0; from < count; from += 500) {
      const rows = Array.from(
        { length: Math.min(500, count - from) },
        (_, n) => `f${String(from + n).padStart(5, '0')}`,
      )
      await sql.run(
        `INSERT INTO files (file_id, package_id, relative_path, path_key, media_type, size, digest, mode, created_at)
         VALUES ${rows.map(() => '(?, ?, ?, ?, ?, 1, ?, NULL, ?)').join(', ')}`,
        rows.flatMap((name) => [
          `${id}.${name}`,
          id,
          name,
          name,
          'text/plain',
          alias!.blake3,
          '2026-01-01T00:00:00.000Z',
        ]),
      )
    }
    await sql.run('UPDATE packages SET file_count = ?, total_size = ? WHERE package_id = ?', [count, count, id])
  })
}
