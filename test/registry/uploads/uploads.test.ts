/** Uploads: bytes in any number of requests, of which those that were acknowledged stay. */
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { armFailpoints } from '../../../src/storage/index.ts'
import { bytesOf, contentOf, failingAfter, watched } from '../../support/bytes.ts'
import { DATABASES } from '../../support/databases.ts'
import { codeOf, refusalOf } from '../../support/refusals.ts'
import {
  ACTOR,
  addFile,
  blake3Of,
  createDraft,
  expectSound,
  openTestStore,
  path,
  pushBlob,
  readBlob,
  readFileBytes,
  sha256Of,
  sha512Of,
  type TestStore,
} from '../../support/registry-steps.ts'
import { BYTES, beginUpload, REPOSITORY, stagedFiles, uploadRows } from '../../support/upload-steps.ts'

const HANG_UP = new Error('socket hang up')

/** A body that stays open until the test lets it end. */
function slowBody(bytes: Uint8Array): { content: AsyncGenerator<Uint8Array>; end(): void } {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  async function* content(): AsyncGenerator<Uint8Array> {
    yield bytes
    await ended
  }
  return { content: content(), end }
}

describe.each(DATABASES)('an upload on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(async () => {
    armFailpoints('')
    await store.close()
  })

  it('that ends with other bytes than its digest is over and leaves nothing', async () => {
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES))
    const refusal = await refusalOf(store.registry.uploads.complete(key, sha256Of(Buffer.from('other'))))
    expect(refusal.code).toBe('digest-mismatch')
    expect(refusal.detail).toMatchObject({ actual: sha256Of(BYTES), expected: sha256Of(Buffer.from('other')) })
    expect(await codeOf(store.registry.uploads.status(key))).toBe('upload-unknown')
    const inOne = { content: contentOf(BYTES) }
    const wrong = store.registry.uploads.complete(await beginUpload(store), sha256Of(Buffer.from('other')), inOne)
    expect(await codeOf(wrong)).toBe('digest-mismatch')
    expect(await codeOf(pushBlob(store, 'team/app', BYTES, blake3Of(Buffer.from('x'))))).toBe('digest-mismatch')
    expect(await stagedFiles(store)).toEqual([])
    expect(await store.eventTypes()).toEqual([])
  })

  it('takes bytes at its end only, says where that is, and changes nothing otherwise', async () => {
    const key = await beginUpload(store)
    const { uploads } = store.registry
    expect((await refusalOf(uploads.append(key, contentOf(BYTES), { at: 1 }))).detail).toMatchObject({ size: 0 })
    await uploads.append(key, contentOf(BYTES.subarray(0, 100)), { at: 0 })
    for (const at of [0, 99, 101]) {
      const body = watched(BYTES)
      const refusal = await refusalOf(uploads.append(key, body, { at }))
      expect([refusal.code, refusal.detail.size]).toEqual(['upload-offset-mismatch', 100])
      expect(body.read).toBe(0)
      const last = { content: contentOf(BYTES), at }
      expect(await codeOf(uploads.complete(key, sha256Of(BYTES), last))).toBe('upload-offset-mismatch')
    }
    await uploads.append(key, contentOf(BYTES.subarray(100)), { at: 100 })
    expect((await uploads.complete(key, sha256Of(BYTES))).size).toBe(BYTES.length)
    expect(
      await codeOf(uploads.complete(await beginUpload(store), sha256Of(BYTES), { content: contentOf(BYTES), at: 5 })),
    ).toBe('upload-offset-mismatch')
  })

  it('does not count a body of another length than announced', async () => {
    const key = await beginUpload(store)
    const { uploads } = store.registry
    await uploads.append(key, contentOf(BYTES.subarray(0, 100)))
    for (const length of [BYTES.length - 1, BYTES.length + 1, 0]) {
      expect(await codeOf(uploads.append(key, contentOf(BYTES), { length }))).toBe('size-mismatch')
      expect((await uploads.status(key)).size).toBe(100)
    }
    await uploads.append(key, contentOf(BYTES.subarray(100)), { length: BYTES.length - 100 })
    await uploads.complete(key, sha256Of(BYTES))
    expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
    const short = uploads.receive({
      repository: REPOSITORY,
      actor: ACTOR,
      digest: sha256Of(BYTES),
      content: contentOf(BYTES),
      length: BYTES.length + 1,
    })
    expect(await codeOf(short)).toBe('size-mismatch')
    expect(await stagedFiles(store)).toEqual([])
  })

  it('whose sender hangs up keeps what arrived, tells so, and goes on from there', async () => {
    const key = await beginUpload(store)
    const { uploads } = store.registry
    const refusal = await refusalOf(uploads.append(key, failingAfter(BYTES.subarray(0, 120_000), HANG_UP)))
    expect(refusal.code).toBe('content-incomplete')
    const { size } = await uploads.status(key)
    expect(size).toBe(120_000)
    const last = uploads.complete(key, sha256Of(BYTES), {
      content: failingAfter(BYTES.subarray(120_000, 150_000), HANG_UP),
      at: 120_000,
    })
    expect(await codeOf(last)).toBe('content-incomplete')
    expect((await uploads.status(key)).size).toBe(150_000)
    await uploads.complete(key, sha256Of(BYTES), { content: contentOf(BYTES.subarray(150_000)), at: 150_000 })
    expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
    await expectSound(store)
  })

  it('in one request whose sender hangs up leaves nothing', async () => {
    const body = { content: failingAfter(BYTES, HANG_UP) }
    expect(await codeOf(store.registry.uploads.complete(await beginUpload(store), sha256Of(BYTES), body))).toBe(
      'content-incomplete',
    )
    const draft = await createDraft(store)
    const file = { path: path('a'), mediaType: 'text/plain', actor: ACTOR }
    const adding = store.registry.packages.addFile(draft.id, file, failingAfter(BYTES, HANG_UP))
    expect(await codeOf(adding)).toBe('content-incomplete')
    expect(await stagedFiles(store)).toEqual([])
    expect((await store.registry.files.list(draft.id, { limit: 10 })).items).toEqual([])
  })

  it('goes on after a restart, whatever a killed request left beyond the acknowledged bytes', async () => {
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES.subarray(0, 1_000)))
    await store.restart()
    expect((await store.registry.uploads.status(key)).size).toBe(1_000)
    const [name] = await stagedFiles(store)
    await appendFile(join(store.folder, 'storage', 'uploads', name!), 'never acknowledged')
    await store.registry.uploads.append(key, contentOf(BYTES.subarray(1_000)), { at: 1_000 })
    await store.restart()
    const facts = await store.registry.uploads.complete(key, sha256Of(BYTES))
    expect(facts).toEqual({
      digest: sha256Of(BYTES),
      sha256: sha256Of(BYTES),
      blake3: blake3Of(BYTES),
      size: BYTES.length,
    })
    expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
  })

  it('is completed with its acknowledged bytes only, whatever a killed request left beyond them', async () => {
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES))
    await store.restart()
    const [name] = await stagedFiles(store)
    await appendFile(join(store.folder, 'storage', 'uploads', name!), 'never acknowledged')
    expect((await store.registry.uploads.complete(key, sha256Of(BYTES))).size).toBe(BYTES.length)
    expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
    await expectSound(store)
  })

  it('is busy while another request writes to it, and free when that one is gone', async () => {
    const key = await beginUpload(store)
    const slow = slowBody(BYTES.subarray(0, 10))
    const first = store.registry.uploads.append(key, slow.content)
    await expect.poll(() => uploadRows(store)).toBe(1)
    expect(await codeOf(store.registry.uploads.append(key, contentOf(BYTES)))).toBe('upload-busy')
    expect(await codeOf(store.registry.uploads.complete(key, sha256Of(BYTES)))).toBe('upload-busy')
    slow.end()
    expect((await first).size).toBe(10)
    expect((await store.registry.uploads.append(key, contentOf(BYTES.subarray(10)))).size).toBe(BYTES.length)
  })

  it('of a server that was killed while writing is free at once for its successor', async () => {
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES.subarray(0, 10)))
    await store.tamper(async (sql) =>
      sql.run("UPDATE uploads SET lease_owner = 'gone', lease_until = ?", [store.clock() + 20_000]),
    )
    expect(await codeOf(store.registry.uploads.append(key, contentOf(BYTES)))).toBe('upload-busy')
    await store.restart()
    expect((await store.registry.uploads.append(key, contentOf(BYTES.subarray(10)))).size).toBe(BYTES.length)
  })

  it.each(['append', 'complete'] as const)(
    'whose writer stood still for longer than its lease is its successor’s alone: %s',
    async (way) => {
      const key = await beginUpload(store)
      const { uploads } = store.registry
      const resumed = Promise.withResolvers<void>()
      async function* stopping(): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(1_000, 'a')
        await resumed.promise
        yield Buffer.alloc(1_000, 'a')
      }
      const stale = Buffer.alloc(2_000, 'a')
      const body = { content: stopping(), at: 0 }
      if (way === 'complete') await uploads.append(key, contentOf(Buffer.alloc(0)))
      const first = codeOf(
        way === 'append' ? uploads.append(key, body.content) : uploads.complete(key, sha256Of(stale), body),
      )
      await new Promise((resolve) => setTimeout(resolve, 100))
      store.clock.advance(11)
      await uploads.append(key, contentOf(BYTES.subarray(0, 2_000)), { at: 0 })
      resumed.resolve()
      expect(await first).toBe('upload-busy')
      expect((await uploads.status(key)).size).toBe(2_000)
      await uploads.complete(key, sha256Of(BYTES), { content: contentOf(BYTES.subarray(2_000)), at: 2_000 })
      expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
    },
  )

  it('whose writer stood still at its very end is its successor’s alone', async () => {
    const key = await beginUpload(store)
    const { uploads } = store.registry
    const { content, end } = slowBody(Buffer.alloc(2_000, 'a'))
    const first = codeOf(uploads.append(key, content))
    await new Promise((resolve) => setTimeout(resolve, 100))
    store.clock.advance(11)
    await uploads.append(key, contentOf(BYTES.subarray(0, 2_000)), { at: 0 })
    end()
    expect(await first).toBe('upload-busy')
    await uploads.complete(key, sha256Of(BYTES), { content: contentOf(BYTES.subarray(2_000)), at: 2_000 })
    expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
  })

  it('of a replica that is gone is free when its lease is over', async () => {
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES.subarray(0, 10)))
    await store.tamper(async (sql) =>
      sql.run("UPDATE uploads SET lease_owner = 'gone', lease_until = ?", [store.clock() + 20_000]),
    )
    await store.restart({ soleServer: false })
    await expect(store.registry.uploads.append(key, contentOf(BYTES))).rejects.toMatchObject({
      code: 'upload-busy',
      detail: { seconds: 20 },
    })
    store.clock.advance(21)
    expect((await store.registry.uploads.append(key, contentOf(BYTES.subarray(10)))).size).toBe(BYTES.length)
  })

  it.each([
    ['one request', true, undefined],
    ['several requests', false, undefined],
    ['several requests with its algorithm named', false, 'sha512' as const],
  ])('under a sha512 digest in %s is the same blob under one more name', async (_how, inOne, algorithm) => {
    const key = await beginUpload(store, algorithm)
    const digest = sha512Of(BYTES)
    const { uploads } = store.registry
    if (inOne) await uploads.complete(key, digest, { content: contentOf(BYTES) })
    else {
      await uploads.append(key, contentOf(BYTES.subarray(0, 5)))
      await uploads.append(key, contentOf(BYTES.subarray(5, 1_000)))
      const facts = await uploads.complete(key, digest, { content: contentOf(BYTES.subarray(1_000)) })
      expect(facts).toEqual({ digest, sha256: sha256Of(BYTES), blake3: blake3Of(BYTES), size: BYTES.length })
    }
    for (const name of [digest, sha256Of(BYTES), blake3Of(BYTES)]) {
      expect(await store.registry.blobs.stat(REPOSITORY, name)).toEqual({ digest: name, size: BYTES.length })
    }
    await expectSound(store)
  })

  it('of no bytes is the empty blob, however it comes', async () => {
    const nothing = Buffer.alloc(0)
    const { uploads } = store.registry
    await uploads.complete(await beginUpload(store), sha256Of(nothing))
    await uploads.complete(await beginUpload(store), sha256Of(nothing), { content: contentOf(nothing) })
    const appended = await beginUpload(store)
    await uploads.append(appended, contentOf(nothing))
    await uploads.complete(appended, sha256Of(nothing))
    expect((await pushBlob(store, 'team/app', nothing)).size).toBe(0)
    expect(await readBlob(store, 'team/app', sha256Of(nothing))).toEqual(nothing)
    expect(await stagedFiles(store)).toEqual([])
    await expectSound(store)
  })

  it('of the same content at once with others is one blob', async () => {
    const keys = await Promise.all([beginUpload(store), beginUpload(store), beginUpload(store)])
    for (const key of keys) await store.registry.uploads.append(key, contentOf(BYTES))
    await Promise.all([
      ...keys.map((key) => store.registry.uploads.complete(key, sha256Of(BYTES))),
      ...['team/app', 'team/b', 'team/c'].map((name) => pushBlob(store, name, BYTES)),
    ])
    const types = await store.eventTypes()
    expect(types.filter((type) => type === 'v1.blob.stored')).toHaveLength(1)
    expect(types.filter((type) => type === 'v1.blob.linked')).toHaveLength(3)
    expect(await stagedFiles(store)).toEqual([])
    await expectSound(store)
  })

  it('becomes a file of a package, held to its digest and size', async () => {
    const { uploads } = store.registry
    const draft = await createDraft(store)
    const { id } = await uploads.begin({ actor: ACTOR })
    const key = { id, actor: ACTOR }
    const file = { path: path('a.bin'), mediaType: 'application/x', mode: 0o755, actor: ACTOR }
    await uploads.append(key, contentOf(BYTES))
    expect(await codeOf(uploads.completeAsFile(key, draft.id, file, { size: 5 }))).toBe('size-mismatch')
    expect(await codeOf(uploads.completeAsFile(key, 'nowhere', file))).toBe('package-unknown')
    await addFile(store, draft.id, 'taken', Buffer.from('x'))
    expect(await codeOf(uploads.completeAsFile(key, draft.id, { ...file, path: path('taken') }))).toBe('path-taken')
    const made = await uploads.completeAsFile(key, draft.id, file, { size: BYTES.length, digest: blake3Of(BYTES) })
    expect(made).toMatchObject({ path: 'a.bin', size: BYTES.length, mode: 0o755, digest: blake3Of(BYTES) })
    expect((await readFileBytes(store, made.id)).equals(BYTES)).toBe(true)
    expect(await codeOf(uploads.status(key))).toBe('upload-unknown')
    await expectSound(store)
  })

  it.each([
    'upload.before-rename@1',
    'upload.after-commit@1',
    'record.before-decide@1',
    'record.before-commit@2',
    'record.before-commit@3',
  ])(
    'whose completion fails at %s keeps its acknowledged bytes and is completed by the next try',
    async (failpoint) => {
      for (const [seed, acknowledged] of [
        [11, BYTES.length],
        [12, 150_000],
      ] as const) {
        const bytes = bytesOf(BYTES.length, seed)
        const key = await beginUpload(store)
        await store.registry.uploads.append(key, contentOf(bytes.subarray(0, acknowledged)))
        armFailpoints(failpoint.replace('@', '=error:EIO@'))
        const last = { content: contentOf(bytes.subarray(acknowledged)), at: acknowledged }
        const failed = store.registry.uploads.complete(key, sha256Of(bytes), last)
        await expect(failed).rejects.toThrow()
        armFailpoints('')
        await store.restart()
        const { size } = await store.registry.uploads.status(key)
        expect(size).toBeGreaterThanOrEqual(acknowledged)
        const rest = { content: contentOf(bytes.subarray(size)), at: size }
        await store.registry.uploads.complete(key, sha256Of(bytes), rest)
        expect((await readBlob(store, 'team/app', sha256Of(bytes))).equals(bytes)).toBe(true)
        expect(await stagedFiles(store)).toEqual([])
        await expectSound(store)
      }
    },
  )

  it('whose completion failed and whose bytes were damaged since is over', async () => {
    const { uploads } = store.registry
    const key = await beginUpload(store)
    await uploads.append(key, contentOf(BYTES))
    armFailpoints('record.before-decide=error:EIO')
    await expect(uploads.complete(key, sha256Of(BYTES))).rejects.toThrow()
    armFailpoints('')
    await writeFile(store.blobPath(blake3Of(BYTES)), bytesOf(BYTES.length, 8))
    expect(await codeOf(uploads.complete(key, sha256Of(BYTES)))).toBe('upload-unknown')
    expect(await stagedFiles(store)).toEqual([])
  })

  it('that could not become a file, because the path was taken meanwhile, still has its bytes', async () => {
    const { uploads } = store.registry
    const draft = await createDraft(store)
    const other = await createDraft(store)
    const { id } = await uploads.begin({ actor: ACTOR })
    const key = { id, actor: ACTOR }
    await uploads.append(key, contentOf(BYTES))
    const file = { path: path('a.bin'), mediaType: 'application/x', actor: ACTOR }
    const both = await Promise.allSettled([
      uploads.completeAsFile(key, draft.id, file),
      addFile(store, draft.id, 'a.bin', Buffer.from('faster')),
    ])
    const lost = both[0]!.status === 'rejected'
    if (lost) {
      expect((await uploads.status(key)).size).toBe(BYTES.length)
      const made = await uploads.completeAsFile(key, other.id, file, { digest: sha256Of(BYTES) })
      expect((await readFileBytes(store, made.id)).equals(BYTES)).toBe(true)
    }
    await expectSound(store)
  })
})
