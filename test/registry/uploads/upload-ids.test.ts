/** Upload ids prove themselves and cost nothing; what they stood for goes when its time is over. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UploadKey } from '../../../src/registry/index.ts'
import { contentOf } from '../../support/bytes.ts'
import { DATABASES } from '../../support/databases.ts'
import { codeOf } from '../../support/refusals.ts'
import {
  ACTOR,
  createDraft,
  expectSound,
  openTestStore,
  repo,
  sha256Of,
  type TestStore,
} from '../../support/registry-steps.ts'
import { BYTES, beginUpload, stagedFiles, uploadRows } from '../../support/upload-steps.ts'

describe.each(DATABASES)('an upload id on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine, { uploadExpirySeconds: 600 })
  })
  afterEach(() => store.close())

  it('is unknown in another repository, to another actor, altered, or after its time', async () => {
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES))
    const altered = `${key.id.slice(0, -1)}${key.id.endsWith('A') ? 'B' : 'A'}`
    const strangers: UploadKey[] = [
      { ...key, repository: repo('team/other') },
      { id: key.id, actor: ACTOR },
      { ...key, actor: 'mallory' },
      { ...key, id: altered },
      { ...key, id: '' },
      { ...key, id: `${key.id}A` },
      { ...key, id: 'x'.repeat(10_000) },
    ]
    for (const stranger of strangers) {
      expect(await codeOf(store.registry.uploads.status(stranger))).toBe('upload-unknown')
      expect(await codeOf(store.registry.uploads.append(stranger, contentOf(BYTES)))).toBe('upload-unknown')
      expect(await codeOf(store.registry.uploads.complete(stranger, sha256Of(BYTES)))).toBe('upload-unknown')
      expect(await codeOf(store.registry.uploads.cancel(stranger))).toBe('upload-unknown')
    }
    store.clock.advance(599)
    expect((await store.registry.uploads.status(key)).size).toBe(BYTES.length)
    store.clock.advance(1)
    expect(await codeOf(store.registry.uploads.status(key))).toBe('upload-unknown')
    expect(await codeOf(store.registry.uploads.complete(key, sha256Of(BYTES)))).toBe('upload-unknown')
  })

  it('costs nothing until its first byte', async () => {
    const key = await beginUpload(store)
    expect(await store.registry.uploads.status(key)).toMatchObject({ size: 0, expiresAt: '2026-01-01T00:10:00.000Z' })
    expect([await uploadRows(store), await stagedFiles(store)]).toEqual([0, []])
  })

  it('is unknown once the upload is completed, in one request or in several', async () => {
    const one = await beginUpload(store)
    await store.registry.uploads.complete(one, sha256Of(BYTES), { content: contentOf(BYTES) })
    const several = await beginUpload(store)
    await store.registry.uploads.append(several, contentOf(BYTES))
    await store.registry.uploads.complete(several, sha256Of(BYTES))
    for (const key of [one, several]) {
      expect(await codeOf(store.registry.uploads.status(key))).toBe('upload-unknown')
      expect(await codeOf(store.registry.uploads.append(key, contentOf(BYTES)))).toBe('upload-unknown')
      expect(await codeOf(store.registry.uploads.complete(key, sha256Of(BYTES)))).toBe('upload-unknown')
    }
    expect(await stagedFiles(store)).toEqual([])
    await expectSound(store)
  })

  it('is unknown once the upload is cancelled, before or after its first byte', async () => {
    const fresh = await beginUpload(store)
    const begun = await beginUpload(store)
    await store.registry.uploads.append(begun, contentOf(BYTES))
    for (const key of [fresh, begun]) {
      await store.registry.uploads.cancel(key)
      expect(await codeOf(store.registry.uploads.cancel(key))).toBe('upload-unknown')
      expect(await codeOf(store.registry.uploads.append(key, contentOf(BYTES)))).toBe('upload-unknown')
    }
    expect(await stagedFiles(store)).toEqual([])
  })
})

describe.each(DATABASES)('the sweep of uploads on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine, { uploadExpirySeconds: 600 })
  })
  afterEach(() => store.close())

  it('leaves what is not over, and takes expired uploads, staged bytes without a row, and old keys', async () => {
    store.clock.now = Date.now()
    const key = await beginUpload(store)
    await store.registry.uploads.append(key, contentOf(BYTES))
    await createDraft(store, { idempotencyKey: 'k' })
    await writeFile(join(store.folder, 'storage', 'uploads', 'orphan'), 'left by a killed request')
    expect(await store.registry.sweepUploads()).toEqual({ discarded: 0 })
    expect(await stagedFiles(store)).toHaveLength(2)
    store.clock.advance(601)
    expect(await store.registry.sweepUploads()).toEqual({ discarded: 2 })
    expect([await stagedFiles(store), await uploadRows(store)]).toEqual([[], 0])
    const keys = () => store.database.reader.all('SELECT key FROM idempotency_keys')
    expect(await keys()).toHaveLength(1)
    store.clock.advance(24 * 3_600)
    expect(await store.registry.sweepUploads()).toEqual({ discarded: 0 })
    expect(await keys()).toEqual([])
    await expectSound(store)
  })
})
