/** Tags that a rule keeps where they are, on both engines. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseRepositoryPattern, type RepositoryPattern } from '../../src/registry/index.ts'
import { parseReference, parseRepositoryName, parseTag } from '../../src/registry/names.ts'
import { DATABASES } from '../support/databases.ts'
import { refusalOf } from '../support/refusals.ts'
import { imageOf, openTestStore, putManifest, type TestStore } from '../support/registry-steps.ts'

const RELEASES = parseRepositoryName('release/app')
const rules = [
  { repositories: [parseRepositoryPattern('release/**') as RepositoryPattern], immutable: ['v*', 'lts-*-final'] },
]

describe.each(DATABASES)('an immutable tag on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine, { tagRules: rules })
  })
  afterEach(() => store.close())

  const remove = (tag: string) => store.registry.tags.remove(RELEASES, parseTag(tag), { actor: 'ci' })

  it('is set once: it is neither moved nor removed, and its manifest stays with it', async () => {
    const first = await putManifest(store, 'release/app', imageOf(), 'v1')
    const before = await store.eventTypes()
    const refusals = [
      await refusalOf(() => putManifest(store, 'release/app', imageOf({ annotations: { n: '2' } }), 'v1')),
      await refusalOf(() => remove('v1')),
      await refusalOf(() => store.registry.manifests.remove(RELEASES, first.digest, { actor: 'ci' })),
    ]
    for (const { code, message } of refusals)
      expect([code, message]).toEqual(['tag-immutable', expect.stringContaining("'v*'")])
    expect(await store.eventTypes()).toEqual(before)
    expect((await store.registry.manifests.get(RELEASES, parseReference('v1'))).digest).toBe(first.digest)
  })

  it('is put again with the same manifest as if nothing were', async () => {
    const image = imageOf()
    const first = await putManifest(store, 'release/app', image, 'v1')
    expect((await putManifest(store, 'release/app', image, 'v1')).packageId).toBe(first.packageId)
  })

  it('leaves others alone: tags that no pattern names, other repositories, tags of signature tools', async () => {
    const hex = 'a'.repeat(64)
    for (const [repository, tag] of [
      ['release/app', 'latest'],
      ['release/app', 'lts-1'],
      ['team/app', 'v1'],
      ['release/app', `sha256-${hex}`],
      ['release/app', `sha256-${hex}.sig`],
    ] as const) {
      await putManifest(store, repository, imageOf({ annotations: { n: '1' } }), tag)
      await putManifest(store, repository, imageOf({ annotations: { n: '2' } }), tag)
    }
    await remove('latest')
  })
})
