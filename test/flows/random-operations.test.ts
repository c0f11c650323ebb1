/**
 * Whatever is done in whatever order: the views are the fold of the log, a replay changes nothing, and what the registry
 * says of tags and files is what a model of a few maps says. Seeded, so that a failure can be run again.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Metadata, parseReference, RegistryError } from '../../src/registry/index.ts'
import { bytesOf } from '../support/bytes.ts'
import { Choices } from '../support/choices.ts'
import { DATABASES } from '../support/databases.ts'
import {
  ACTOR,
  addFile,
  createDraft,
  descriptorOf,
  expectSound,
  imageOf,
  indexOf,
  openTestStore,
  pushBlob,
  putManifest,
  repo,
  sha256Of,
  type TestStore,
  tagOf,
} from '../support/registry-steps.ts'

const REPOSITORIES = ['team/a', 'team/b', 'solo']
const TAGS = ['v1', 'v2', 'latest']
const PRODUCERS = ['ops', 'Ops', 'team']
const CLASSES = ['user-managed', 'transient', 'raw-evidence']
const METADATA: readonly (Metadata | undefined)[] = [
  undefined,
  { a: 1.5, b: -0, c: null },
  { ключ: 'ä', n: { deep: [true, 'x'] } },
  { z: 1e21, y: '\u2028' },
]

class Model {
  readonly drafts = new Set<string>()
  readonly packages = new Set<string>()
  readonly files = new Map<string, Map<string, string>>()
  readonly manifests: { repository: string; bytes: Buffer; packageId: string }[] = []
  /** `repository tag` to the package's id. */
  readonly tags = new Map<string, string>()

  untag(packageId: string): void {
    for (const [key, id] of this.tags) if (id === packageId) this.tags.delete(key)
  }
  readonly refs = new Map<string, string>()
}

type Operation = (store: TestStore, model: Model, choose: Choices) => Promise<void>

const blobFor = (choose: Choices): Buffer => bytesOf(choose.of([0, 1, 100, 70_000]), 1 + choose.below(5))

const OPERATIONS: Readonly<Record<string, Operation>> = {
  async create(store, model, choose) {
    const draft = await createDraft(store, {
      producer: choose.of(PRODUCERS),
      name: choose.of(['site', 'Site', 'a']),
      retentionClass: choose.of(CLASSES),
      subject: choose.of(['s1', 's2']),
      metadata: choose.of(METADATA),
      idempotencyKey: choose.of([undefined, undefined, 'k1']),
    })
    if (draft.status === 'created') model.drafts.add(draft.id)
    model.packages.add(draft.id)
  },
  async addFile(store, model, choose) {
    const id = choose.of([...model.drafts])
    if (!id) return
    const name = choose.of(['a', 'b/c', 'b', 'é', 'e\u0301', 'z'])
    const bytes = blobFor(choose)
    await addFile(store, id, name, bytes)
    const files = model.files.get(id) ?? new Map()
    model.files.set(id, files.set(name, sha256Of(bytes)))
  },
  async finalize(store, model, choose) {
    const id = choose.of([...model.drafts])
    if (!id) return
    const { package: done } = await store.registry.packages.finalize(id, { actor: ACTOR })
    model.drafts.delete(id)
    model.tags.set(`${done.repository} ${id}`, id)
  },
  async push(store, _model, choose) {
    await pushBlob(store, choose.of(REPOSITORIES), blobFor(choose))
  },
  async put(store, model, choose) {
    const repository = choose.of(REPOSITORIES)
    const known = model.manifests.filter((manifest) => manifest.repository === repository)
    const blob = blobFor(choose)
    const make = choose.of([
      () =>
        imageOf({
          layers: [descriptorOf(blob, 'x'), descriptorOf(blob, 'x')],
          annotations: { n: String(choose.below(3)) },
        }),
      () => imageOf({ annotations: { 'vnd.artifactstore.retention-class': choose.of(CLASSES) } }),
      () =>
        known.length > 0 ? imageOf({ subject: descriptorOf(choose.of(known).bytes), artifactType: 'a/b' }) : imageOf(),
      () => indexOf(known.slice(0, 2).map(({ bytes }) => bytes)),
      () => (known.length > 0 ? choose.of(known).bytes : imageOf()),
    ])
    const bytes = make()
    const tags = choose.of([[], [choose.of(TAGS)], TAGS.slice(0, 2)])
    const { packageId } = await putManifest(store, repository, bytes, sha256Of(bytes), tags)
    model.manifests.push({ repository, bytes, packageId })
    model.packages.add(packageId)
    for (const tag of tags) model.tags.set(`${repository} ${tag}`, packageId)
  },
  async remove(store, model, choose) {
    const manifest = choose.of(model.manifests)
    if (!manifest) return
    const at = { digest: sha256Of(manifest.bytes) }
    const { packageId } = await store.registry.manifests.get(repo(manifest.repository), at)
    await store.registry.manifests.remove(repo(manifest.repository), at.digest, { actor: ACTOR })
    model.untag(packageId)
  },
  async untag(store, model, choose) {
    const [repository, tag] = [choose.of(REPOSITORIES), choose.of(TAGS)]
    await store.registry.tags.remove(repo(repository), tagOf(tag), { actor: ACTOR })
    expect(model.tags.delete(`${repository} ${tag}`)).toBe(true)
  },
  async mount(store, _model, choose) {
    const digest = sha256Of(blobFor(choose))
    const mayRead = (name: string): boolean => name !== 'solo'
    await store.registry.blobs.mount({ repository: repo(choose.of(REPOSITORIES)), digest, mayRead, actor: ACTOR })
  },
  async unlink(store, _model, choose) {
    await store.registry.blobs.remove(repo(choose.of(REPOSITORIES)), sha256Of(blobFor(choose)), { actor: ACTOR })
  },
  async erase(store, model, choose) {
    const id = choose.of([...model.packages])
    if (!id) return
    await store.registry.erase(id, { actor: ACTOR, legalBasis: 'test' })
    model.drafts.delete(id)
    model.files.delete(id)
    model.untag(id)
  },
  async ref(store, model, choose) {
    const ref = choose.of(['a/b', 'a/c', 'd'])
    const data = blobFor(choose)
    await store.registry.refs.put(ref, data, Buffer.from('manifest'))
    model.refs.set(ref, sha256Of(data))
  },
  async wait(store, _model, choose) {
    store.clock.advance(choose.of([1, 3_600, 86_400, 8 * 86_400]))
  },
}

async function compare(store: TestStore, model: Model): Promise<void> {
  const seen = new Map<string, string>()
  const { repositories } = await store.registry.catalog.list({ limit: 100 })
  for (const repository of repositories) {
    for (const tag of (await store.registry.tags.list(repo(repository), {})).tags) {
      const manifest = await store.registry.manifests.get(repo(repository), parseReference(tag))
      expect(sha256Of(manifest.bytes)).toBe(manifest.digest)
      seen.set(`${repository} ${tag}`, manifest.packageId)
    }
  }
  expect(seen).toEqual(model.tags)
  for (const [id, files] of model.files) {
    const { items } = await store.registry.files.list(id, { limit: 100 })
    expect(items.map(({ path }) => path).sort()).toEqual([...files.keys()].sort())
  }
  for (const [ref, digest] of model.refs) expect(sha256Of((await store.registry.refs.get(ref)).data)).toBe(digest)
}

async function run(store: TestStore, seed: number, operations: number): Promise<Map<string, number>> {
  const choose = new Choices(seed)
  const model = new Model()
  const counts = new Map<string, number>()
  for (let n = 0; n < operations; n += 1) {
    const name = choose.of(Object.keys(OPERATIONS))
    try {
      await OPERATIONS[name]!(store, model, choose)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    } catch (error) {
      // Refusals are part of the game: they must change nothing, which the comparison shows.
      if (!(error instanceof RegistryError) || error.code === 'unavailable') throw error
      counts.set(error.code, (counts.get(error.code) ?? 0) + 1)
    }
  }
  await compare(store, model)
  return counts
}

describe.each(DATABASES)('a random history on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it.each([1, 2, 3])('of seed %i folds to the views that are there, and a replay changes no row', async (seed) => {
    const counts = await run(store, seed, 250)
    expect(counts.get('finalize')).toBeGreaterThan(0)
    expect(counts.get('remove')).toBeGreaterThan(0)
    expect(counts.get('erase')).toBeGreaterThan(0)
    await expectSound(store)
    expect((await store.registry.replay()).changedRows).toBe(0)
    await store.restart()
    await expectSound(store)
  })
})
