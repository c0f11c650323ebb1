/** Packages: what a draft may be called and hold, how it is found, and that finalizing is one moment. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeManifest, PACKAGE_FILE_LIMIT, type PackageFilter } from '../../src/registry/index.ts'
import { DATABASES } from '../support/databases.ts'
import { codeOf, refusalOf } from '../support/refusals.ts'
import {
  ACTOR,
  addFile,
  blake3Of,
  createDraft,
  expectSound,
  finalizedPackage,
  imageOf,
  openTestStore,
  path,
  putManifest,
  readFileBytes,
  repo,
  sha256Of,
  type TestStore,
  tagOf,
} from '../support/registry-steps.ts'

const A = Buffer.from('a')

describe.each(DATABASES)('a draft on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('is refused for fields that name nothing, and nothing is recorded', async () => {
    const bad = [
      [{ name: '' }, 'field-invalid', 'name'],
      [{ name: ' ' }, 'field-invalid', 'name'],
      [{ name: '???' }, 'field-invalid', 'name'],
      [{ name: 'a//b' }, 'field-invalid', 'name'],
      [{ name: 'x'.repeat(256) }, 'field-invalid', 'name'],
      [{ producer: 'a/b' }, 'field-invalid', 'producer'],
      [{ producer: 'ops\n' }, 'field-invalid', 'producer'],
      [{ subject: '\ud800' }, 'field-invalid', 'subject'],
      [{ retentionClass: 'for-ever' }, 'retention-class-unknown', 'retention_class'],
      [{ idempotencyKey: '' }, 'field-invalid', 'Idempotency-Key'],
      [{ metadata: { n: 2 ** 53 } }, 'metadata-invalid', '/metadata/n'],
    ] as const
    for (const [fields, code, field] of bad) {
      const refusal = await refusalOf(() => createDraft(store, fields))
      expect([refusal.code, refusal.detail.field]).toEqual([code, field])
    }
    expect(await store.eventTypes()).toEqual([])
  })

  it('gets the repository that its producer and name map to', async () => {
    const names = [
      ['ops', 'site', 'ops/site'],
      ['Ops Team', 'My Site!', 'ops-team/my-site'],
      ['a', 'x/y/z', 'a/x/y/z'],
      ['_a_', '--b--', 'a/b'],
      ['ÄÖ1', 'é.b', '1/b'],
      ['dots.and_more', 'v1.2.3', 'dots-and-more/v1-2-3'],
    ] as const
    for (const [producer, name, repository] of names) {
      expect((await createDraft(store, { producer, name })).repository).toBe(repository)
    }
    await expectSound(store)
  })

  it('is refused where another pair owns its repository, naming that pair', async () => {
    await createDraft(store, { producer: 'Ops', name: 'Site' })
    const refusal = await refusalOf(() => createDraft(store, { producer: 'ops', name: 'site' }))
    expect(refusal.code).toBe('repository-taken')
    expect(refusal.detail).toMatchObject({ repository: 'ops/site', producer: 'Ops', name: 'Site' })
    await createDraft(store, { producer: 'Ops', name: 'Site' })
    await putManifest(store, 'team/app', imageOf())
    expect(await codeOf(() => createDraft(store, { producer: 'Team', name: 'app' }))).toBe('repository-taken')
    expect((await createDraft(store, { producer: 'team', name: 'app' })).repository).toBe('team/app')
  })

  it('is the same one for a repeated request with its idempotency key, for a day', async () => {
    const request = {
      name: 'site',
      producer: 'ops',
      subject: 's',
      retentionClass: 'transient',
      metadata: { b: 1, a: [1.5, { x: null }] },
      actor: ACTOR,
      idempotencyKey: 'key-1',
    }
    const both = await Promise.all([store.registry.packages.create(request), store.registry.packages.create(request)])
    expect(both.map(({ created }) => created).sort()).toEqual([false, true])
    expect(both[0]!.package.id).toBe(both[1]!.package.id)
    const reordered = { ...request, metadata: { a: [1.5, { x: null }], b: 1 } }
    expect((await store.registry.packages.create(reordered)).package.id).toBe(both[0]!.package.id)
    for (const other of [{ subject: 't' }, { metadata: {} }, { name: 'x' }, { retentionClass: 'raw-evidence' }]) {
      expect(await codeOf(store.registry.packages.create({ ...request, ...other }))).toBe('idempotency-key-reused')
    }
    const stranger = await store.registry.packages.create({ ...request, actor: 'bob' })
    expect(stranger.created).toBe(true)
    store.clock.advance(24 * 3_600)
    const later = await store.registry.packages.create({ ...request, subject: 't' })
    expect(later.created).toBe(true)
    await expectSound(store)
  })

  it('expires as its class says', async () => {
    const expiries = {
      'user-managed': null,
      transient: '2026-01-02T00:00:00.000Z',
      'raw-evidence': '2026-04-01T00:00:00.000Z',
      'summary-evidence': '2027-01-01T00:00:00.000Z',
      'release-evidence': '2032-12-30T00:00:00.000Z',
      'permanent-record': null,
    }
    for (const [retentionClass, expiresAt] of Object.entries(expiries)) {
      expect(await createDraft(store, { retentionClass })).toMatchObject({
        retentionClass,
        expiresAt,
        createdBy: ACTOR,
      })
    }
  })

  it('takes each path once, and one that differs in Unicode form only is the same path', async () => {
    const { id } = await createDraft(store)
    const nfd = 'cafe\u0301.txt'
    await addFile(store, id, nfd, A)
    await addFile(store, id, 'CAFÉ.txt', A)
    for (const taken of [nfd, 'café.txt'.normalize('NFC')]) {
      const refusal = await refusalOf(() => addFile(store, id, taken, A))
      expect([refusal.code, refusal.detail.existing]).toEqual(['path-taken', nfd])
    }
    const { items } = await store.registry.files.list(id, { limit: 10 })
    expect(items.map((file) => file.path).sort()).toEqual([nfd, 'CAFÉ.txt'].sort())
    const { package: finalized } = await store.registry.packages.finalize(id, { actor: ACTOR })
    const manifest = decodeManifest((await store.registry.packages.manifest(finalized.id)).bytes)
    expect(manifest.files.map((file) => file.relative_path)).toContain(nfd)
    await expectSound(store)
  })

  it('takes no file where another stands as its folder, nor a folder where another stands as a file', async () => {
    const { id } = await createDraft(store)
    await addFile(store, id, 'cafe\u0301/menu', A)
    await addFile(store, id, 'plain', A)
    for (const taken of ['café', 'plain/below', 'plain/far/below', 'café/menu/x']) {
      expect([taken, await codeOf(() => addFile(store, id, taken, A))]).toEqual([taken, 'path-taken'])
    }
    for (const free of ['caf', 'café-', 'café/menu-', 'plain-/x', 'pla']) await addFile(store, id, free, A)
  })

  it('takes no file that is too many', async () => {
    const { id } = await createDraft(store)
    await store.tamper(async (sql) =>
      sql.run('UPDATE packages SET file_count = ? WHERE package_id = ?', [PACKAGE_FILE_LIMIT, id]),
    )
    const refusal = await refusalOf(() => addFile(store, id, 'one-too-many', A))
    expect([refusal.code, refusal.detail.limit]).toEqual(['package-full', 100_000])
  })

  it('takes a file by digest only if its own repository holds those bytes, of that size', async () => {
    await finalizedPackage(store, { secret: Buffer.from('secret') }, { producer: 'other' })
    const draft = await createDraft(store)
    const known = (digest: typeof A, size = digest.length) =>
      store.registry.packages.addKnownFile(
        draft.id,
        { path: path('known'), mediaType: 'text/plain', actor: ACTOR },
        sha256Of(digest),
        size,
      )
    expect(await known(Buffer.from('secret'))).toBeUndefined()
    await addFile(store, draft.id, 'a', A)
    expect(await known(A, 2)).toBeUndefined()
    const file = await known(A)
    expect(file).toMatchObject({ path: 'known', digest: blake3Of(A), sha256: sha256Of(A), size: 1 })
    expect(await readFileBytes(store, file!.id)).toEqual(A)
    await expectSound(store)
  })
})

describe.each(DATABASES)('finalizing on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('is refused for nothing, for an empty package, and a second time', async () => {
    const { packages } = store.registry
    expect(await codeOf(packages.finalize('00000000-0000-7000-8000-000000000000', { actor: ACTOR }))).toBe(
      'package-unknown',
    )
    const empty = await createDraft(store)
    expect(await codeOf(packages.finalize(empty.id, { actor: ACTOR }))).toBe('package-empty')
    expect(await codeOf(packages.manifest(empty.id))).toBe('package-not-finalized')
    const done = await finalizedPackage(store)
    expect(await codeOf(packages.finalize(done.id, { actor: ACTOR }))).toBe('package-finalized')
    expect(await codeOf(addFile(store, done.id, 'late', A))).toBe('package-finalized')
    await expectSound(store)
  })

  it('gives both manifests: one event payload as the CBOR, one sha256 image that carries it as config', async () => {
    const files = { 'b/x.txt': Buffer.from('x'), a: A, empty: Buffer.alloc(0) }
    const done = await finalizedPackage(store, files, { metadata: { k: 1.5 } })
    expect(done).toMatchObject({ status: 'finalized', fileCount: 3, totalSize: 2, repository: 'ops/site' })
    expect(done.oci?.tags).toEqual([done.id])
    const native = await store.registry.packages.manifest(done.id)
    expect(native.digest).toBe(blake3Of(native.bytes))
    expect(native.digest).toBe(done.manifestDigest)
    const { events } = await store.registry.events.read({ limit: 100, types: ['v1.package.finalized'] })
    expect([events[0]!.payloadDigest, Buffer.from(events[0]!.payload!)]).toEqual([
      native.digest,
      Buffer.from(native.bytes),
    ])
    const face = await store.registry.manifests.get(done.repository, { tag: tagOf(done.id) })
    expect([face.digest, face.packageId]).toEqual([sha256Of(face.bytes), done.id])
    const image = JSON.parse(Buffer.from(face.bytes).toString())
    expect(image.config.digest).toBe(sha256Of(native.bytes))
    const descriptors = [image.config, ...image.layers] as { digest: string }[]
    for (const { digest } of descriptors) expect(digest).toMatch(/^sha256:/)
    for (const { digest } of descriptors) await store.registry.blobs.stat(done.repository, digest as never)
    await expectSound(store)
  })

  it('is one moment: every file that was acknowledged is in the manifest, every later one refused', async () => {
    for (let round = 0; round < 4; round += 1) {
      const { id } = await createDraft(store)
      await addFile(store, id, 'first', A)
      const adding = Array.from({ length: 12 }, (_, n) => addFile(store, id, `f${n}`, Buffer.from(`${round}.${n}`)))
      const finalizing = store.registry.packages.finalize(id, { actor: ACTOR })
      const added = await Promise.allSettled(adding)
      const done = await finalizing
      const acknowledged = added.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.path] : []))
      for (const answer of added) if (answer.status === 'rejected') expect(answer.reason.code).toBe('package-finalized')
      const manifest = decodeManifest((await store.registry.packages.manifest(id)).bytes)
      expect(manifest.files.map((file) => file.relative_path).sort()).toEqual(['first', ...acknowledged].sort())
      expect(done.package.fileCount).toBe(manifest.files.length)
    }
    await expectSound(store)
  })

  it('happens once when two finalize at the same time', async () => {
    const { id } = await createDraft(store)
    await addFile(store, id, 'a', A)
    const both = await Promise.allSettled([1, 2].map(() => store.registry.packages.finalize(id, { actor: ACTOR })))
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((both.find(({ status }) => status === 'rejected') as PromiseRejectedResult).reason.code).toBe(
      'package-finalized',
    )
    expect((await store.eventTypes()).filter((type) => type === 'v1.package.finalized')).toHaveLength(1)
    await expectSound(store)
  })

  it('is refused for a draft whose bytes were deleted from its repository, naming them', async () => {
    const { id } = await createDraft(store, { retentionClass: 'user-managed' })
    const file = await addFile(store, id, 'a', A)
    await store.registry.blobs.remove(repo('ops/site'), sha256Of(A), { actor: ACTOR })
    const refusal = await refusalOf(store.registry.packages.finalize(id, { actor: ACTOR }))
    expect(refusal.code).toBe('manifest-blob-unknown')
    expect(refusal.detail).toMatchObject({ digest: file.digest })
    await addFile(store, id, 'again', A)
    expect((await store.registry.packages.finalize(id, { actor: ACTOR })).package.fileCount).toBe(2)
    await expectSound(store)
  })
})

describe.each(DATABASES)('the list of packages on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  async function idsOf(filter: PackageFilter): Promise<string[]> {
    return (await store.registry.packages.list(filter, { limit: 100 })).items.map(({ id }) => id)
  }

  it('refuses cursors, limits and times that are none', async () => {
    const list = (filter: PackageFilter, page: object) => () =>
      store.registry.packages.list(filter, { limit: 10, ...page })
    for (const cursor of [
      '',
      'x',
      '!!',
      Buffer.from('["a"]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ]) {
      expect(await codeOf(list({}, { cursor }))).toBe('cursor-unknown')
    }
    for (const limit of [0, -1, 1.5, 1_001, Number.NaN]) expect(await codeOf(list({}, { limit }))).toBe('field-invalid')
    for (const createdAfter of ['yesterday', '2026', '2026-99-99', '12']) {
      expect(await codeOf(list({ createdAfter }, {}))).toBe('field-invalid')
    }
  })

  it('finds by every field, alone and together', async () => {
    const one = await finalizedPackage(store, { a: A }, { metadata: { run: 7, ok: true, note: 'x' } })
    store.clock.advance(60)
    const two = await createDraft(store, {
      name: 'other',
      subject: 's2',
      retentionClass: 'transient',
      metadata: { run: '7' },
    })
    store.clock.advance(60)
    const image = imageOf({ annotations: { run: '8', 'vnd.artifactstore.subject': 's3' } })
    const { packageId: three } = await putManifest(store, 'team/app', image, 'v1')
    const table: [PackageFilter, string[]][] = [
      [{}, [three, two.id, one.id]],
      [{ producer: 'ops' }, [two.id, one.id]],
      [{ name: 'app' }, [three]],
      [{ subject: 's3' }, [three]],
      [{ retentionClass: 'transient' }, [two.id]],
      [{ status: 'finalized' }, [three, one.id]],
      [{ createdAfter: '2026-01-01T00:01:00Z' }, [three, two.id]],
      [{ createdBefore: '2026-01-01T00:01:00Z' }, [one.id]],
      [{ createdAfter: '2026-01-01T01:01:00+01:00', createdBefore: '2026-01-01T00:02:00Z' }, [two.id]],
      [{ metadata: { run: '7' } }, [two.id, one.id]],
      [{ metadata: { run: '7', ok: 'true' } }, [one.id]],
      [{ metadata: { run: '7', ok: 'false' } }, []],
      [{ metadata: { "'; DROP TABLE packages; --": 'x' } }, []],
      [{ producer: 'team', repository: repo('team/app'), reference: { tag: tagOf('v1') } }, [three]],
      [{ repository: repo('team/app'), reference: { digest: sha256Of(image) } }, [three]],
      [{ repository: repo('ops/site'), reference: { digest: one.manifestDigest! } }, [one.id]],
      [{ repository: repo('ops/site'), reference: { tag: tagOf('v1') } }, []],
    ]
    for (const [filter, ids] of table) expect([filter, await idsOf(filter)]).toEqual([filter, ids])
  })

  it('gives every package once, page by page, also of one moment and while new ones come', async () => {
    const made: string[] = []
    for (let n = 0; n < 7; n += 1) made.push((await createDraft(store)).id)
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.registry.packages.list({ producer: 'ops' }, { limit: 2, ...(cursor ? { cursor } : {}) })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next
      store.clock.advance(1)
      await createDraft(store)
    } while (cursor)
    expect(seen).toHaveLength(7)
    expect([...seen].sort()).toEqual([...made].sort())
  })

  it('of the files of a package comes in path order, page by page', async () => {
    const { id } = await createDraft(store)
    const names = ['b', 'a', 'Z', 'ä', 'c/b', 'a-b', '\u{1f600}', '\uffee']
    for (const name of names) await addFile(store, id, name, A)
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.registry.files.list(id, { limit: 3, ...(cursor ? { cursor } : {}) })
      seen.push(...page.items.map((file) => file.path))
      cursor = page.next
    } while (cursor)
    expect(seen).toEqual([...names].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))))
    expect(await codeOf(() => store.registry.files.list(id, { limit: 3, cursor: 'x' }))).toBe('cursor-unknown')
    expect(await codeOf(() => store.registry.files.list('nowhere', { limit: 3 }))).toBe('package-unknown')
  })
})
