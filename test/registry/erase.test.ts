/** Erasure: what may be personal goes from log, views and disk; order, digests and everyone else's things stay. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Package } from '../../src/registry/index.ts'
import { DATABASES } from '../support/databases.ts'
import { codeOf, refusalOf } from '../support/refusals.ts'
import {
  ACTOR,
  addFile,
  createDraft,
  descriptorOf,
  expectSound,
  finalizedPackage,
  imageOf,
  openTestStore,
  putManifest,
  repo,
  sha256Of,
  type TestStore,
  tagOf,
} from '../support/registry-steps.ts'

const SECRET = 'Jane-Doe-1970-01-01'
const REQUEST = { actor: 'privacy officer', legalBasis: 'GDPR Art. 17(1)(a)' }
const RECORDING = ['v1.package.created', 'v1.file.ingested', 'v1.package.finalized', 'v1.manifest.put']

describe.each(DATABASES)('erasure on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  async function payloads(id: string): Promise<Map<string, boolean>> {
    const rows = await store.database.reader.all<{ event_type: string; payload: Uint8Array | null }>(
      "SELECT event_type, payload FROM events WHERE subject_kind = 'package' AND subject_id = ? ORDER BY sequence",
      [id],
    )
    return new Map(rows.map((row) => [row.event_type, row.payload !== null]))
  }

  const personal = (): Promise<Package> =>
    finalizedPackage(
      store,
      { [`${SECRET}.txt`]: Buffer.from('x') },
      { subject: SECRET, retentionClass: 'transient', metadata: { person: SECRET } },
    )

  it('is refused while the class keeps the package, for nothing, and without a legal basis', async () => {
    const kept = await personal()
    const refusal = await refusalOf(store.registry.erase(kept.id, REQUEST))
    expect(refusal.code).toBe('retained')
    expect(refusal.detail).toMatchObject({
      package_id: kept.id,
      retention_class: 'transient',
      expires_at: kept.expiresAt,
    })
    const forEver = await createDraft(store, { retentionClass: 'permanent-record' })
    store.clock.advance(100 * 365 * 86_400)
    expect(await codeOf(store.registry.erase(forEver.id, REQUEST))).toBe('retained')
    expect(await codeOf(store.registry.erase('nowhere', REQUEST))).toBe('package-unknown')
    expect(await codeOf(store.registry.erase(kept.id, { ...REQUEST, legalBasis: ' ' }))).toBe('field-invalid')
    expect(await store.eventTypes()).not.toContain('v1.package.erased')
  })

  it('is refused for the child of an index that is kept', async () => {
    const child = imageOf()
    const { packageId } = await putManifest(store, 'team/app', child)
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...descriptorOf(child), mediaType: 'application/vnd.oci.image.manifest.v1+json' }],
      annotations: { 'vnd.artifactstore.retention-class': 'release-evidence' },
    })
    const above = await putManifest(store, 'team/app', Buffer.from(index))
    const refusal = await refusalOf(store.registry.erase(packageId, REQUEST))
    expect([refusal.code, refusal.detail.package_id]).toEqual(['retained', above.packageId])
  })

  it('empties the payloads, keeps the chain, and the live rows are what the log now folds to', async () => {
    const bystander = await finalizedPackage(store, { a: Buffer.from('a') }, { name: 'other' })
    const erased = await personal()
    await store.registry.tags.set(erased.id, tagOf('latest'), { actor: ACTOR })
    store.clock.advance(86_400)
    const { events } = await store.registry.erase(erased.id, REQUEST)
    expect(events).toBe(4)
    const left = await payloads(erased.id)
    for (const type of RECORDING) expect([type, left.get(type)]).toEqual([type, false])
    expect([left.get('v1.retention.default_applied'), left.get('v1.package.erased')]).toEqual([true, true])
    expect(await store.registry.packages.get(erased.id)).toMatchObject({
      id: erased.id,
      status: 'erased',
      name: '',
      subject: '',
      metadata: {},
      oci: null,
      manifestDigest: null,
      createdAt: erased.createdAt,
    })
    expect((await store.registry.files.list(erased.id, { limit: 10 })).items).toEqual([])
    expect(await codeOf(store.registry.packages.manifest(erased.id))).toBe('package-not-finalized')
    expect((await store.registry.tags.list(repo('ops/site'), {})).tags).toEqual([])
    expect((await store.registry.packages.list({ subject: SECRET }, { limit: 10 })).items).toEqual([])
    expect((await store.registry.packages.get(bystander.id)).status).toBe('finalized')
    await expectSound(store)
    expect((await store.registry.replay()).changedRows).toBe(0)
    await store.restart()
    await expectSound(store)
  })

  it('is an event with its legal basis in the feed, where the erased events have no payload', async () => {
    const erased = await personal()
    store.clock.advance(86_400)
    await store.registry.erase(erased.id, REQUEST)
    const { events } = await store.registry.events.read({ limit: 100 })
    const own = events.filter((event) => event.subjectId === erased.id)
    const last = own.at(-1)!
    expect([last.type, last.actor]).toEqual(['v1.package.erased', 'privacy officer'])
    expect(store.registry.events.decode(last)).toEqual({ legal_basis: REQUEST.legalBasis, events: 4 })
    const created = own.find((event) => event.type === 'v1.package.created')!
    expect([created.payload, store.registry.events.decode(created)]).toEqual([null, null])
    expect(created.payloadDigest).toMatch(/^blake3:/)
  })

  it('a second time records nothing, and later deeds on the stub are refused and change nothing', async () => {
    const erased = await personal()
    const draft = await createDraft(store, { retentionClass: 'user-managed' })
    store.clock.advance(86_400)
    for (const id of [erased.id, draft.id]) await store.registry.erase(id, REQUEST)
    const before = await store.eventTypes()
    expect(await store.registry.erase(erased.id, REQUEST)).toEqual({ events: 0 })
    for (const id of [erased.id, draft.id]) {
      expect(await codeOf(() => addFile(store, id, 'late', Buffer.from('x')))).toBe('package-finalized')
      expect(await codeOf(store.registry.packages.finalize(id, { actor: ACTOR }))).toBe('package-finalized')
      expect(await codeOf(store.registry.tags.set(id, tagOf('v1'), { actor: ACTOR }))).toBe('package-not-finalized')
    }
    expect(await store.eventTypes()).toEqual(before)
    const stranger = await refusalOf(store.registry.manifests.get(repo('ops/site'), { tag: tagOf(erased.id) }))
    expect(stranger.message).not.toContain('4 MiB')
    await expectSound(store)
  })

  it('of a manifest leaves its id used: the same bytes put again are another package', async () => {
    const image = imageOf({ annotations: { person: SECRET } })
    const subject = imageOf()
    const signature = imageOf({ subject: descriptorOf(image), annotations: { person: SECRET } })
    const first = await putManifest(store, 'team/app', image, 'v1')
    await putManifest(store, 'team/app', subject)
    const signed = await putManifest(store, 'team/app', signature)
    await store.registry.erase(first.packageId, REQUEST)
    await store.registry.erase(signed.packageId, REQUEST)
    expect(await codeOf(store.registry.manifests.get(repo('team/app'), { digest: sha256Of(image) }))).toBe(
      'manifest-unknown',
    )
    const page = await store.registry.referrers.list(repo('team/app'), sha256Of(image), { limit: 10 })
    expect(page.referrers).toEqual([])
    await expectSound(store)
    const second = await putManifest(store, 'team/app', image, 'v1')
    expect(second.packageId).not.toBe(first.packageId)
    await store.registry.manifests.remove(repo('team/app'), second.digest, { actor: ACTOR })
    store.clock.advance(30 * 86_400)
    const third = await putManifest(store, 'team/app', image, 'v1')
    expect(new Set([first.packageId, second.packageId, third.packageId]).size).toBe(3)
    await expectSound(store)
    expect((await store.registry.replay()).changedRows).toBe(0)
  })

  it('of a deleted manifest is possible, and what was erased cannot be restored', async () => {
    const image = imageOf({ annotations: { person: SECRET } })
    const first = await putManifest(store, 'team/app', image)
    await store.registry.manifests.remove(repo('team/app'), first.digest, { actor: ACTOR })
    await store.registry.erase(first.packageId, REQUEST)
    const second = await putManifest(store, 'team/app', image)
    expect(second.packageId).not.toBe(first.packageId)
    expect((await store.registry.packages.get(first.packageId)).status).toBe('erased')
    await expectSound(store)
  })

  it('takes the name of an identity out of one table, and events go on under its opaque id', async () => {
    await createDraft(store)
    const row = await store.database.reader.get<{ identity_id: string }>(
      "SELECT identity_id FROM identities WHERE name = 'alice'",
    )
    await store.tamper(async (sql) =>
      sql.run('UPDATE identities SET name = NULL WHERE identity_id = ?', [row!.identity_id]),
    )
    const { events } = await store.registry.events.read({ limit: 10 })
    expect(new Set(events.map((event) => event.actor))).toEqual(new Set([row!.identity_id]))
    await expectSound(store)
  })
})

describe('erasure on disk', () => {
  it('leaves no trace in the files of a SQLite database', async () => {
    const store = await openTestStore(DATABASES[0]!)
    try {
      const erased = await finalizedPackage(
        store,
        { [`${SECRET}.txt`]: Buffer.from('x') },
        { subject: SECRET, retentionClass: 'user-managed', metadata: { person: SECRET } },
      )
      await store.registry.erase(erased.id, REQUEST)
      const files = (await readdir(store.folder)).filter((name) => name.startsWith('registry.db'))
      expect(files).toContain('registry.db-wal')
      for (const name of files) {
        const bytes = await readFile(join(store.folder, name))
        expect([name, bytes.includes(SECRET)]).toEqual([name, false])
      }
    } finally {
      await store.close()
    }
  })

  it('salts every payload that may hold personal data, so that no digest can be guessed', async () => {
    const store = await openTestStore(DATABASES[0]!)
    try {
      for (let n = 0; n < 2; n += 1) {
        const draft = await createDraft(store)
        await addFile(store, draft.id, 'a', Buffer.from('a'))
      }
      await putManifest(store, 'team/app', imageOf(), 'v1')
      await store.registry.refs.put('a/b', Buffer.from('d'), Buffer.from('m'))
      const { events } = await store.registry.events.read({ limit: 100 })
      const salted = [
        'v1.repository.created',
        'v1.package.created',
        'v1.file.ingested',
        'v1.manifest.put',
        'v1.tag.set',
        'v1.ref.put',
      ]
      for (const type of salted) {
        const own = events.filter((event) => event.type === type)
        expect(own.length, type).toBeGreaterThan(0)
        for (const event of own) {
          const { salt } = store.registry.events.decode(event) as { salt: Uint8Array }
          expect([type, salt.length, salt.some((byte) => byte !== 0)]).toEqual([type, 16, true])
        }
        expect(new Set(own.map((event) => event.payloadDigest)).size).toBe(own.length)
      }
    } finally {
      await store.close()
    }
  })
})
