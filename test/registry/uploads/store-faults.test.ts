/** A store that fails: the caller is told what kind of failure it is, nothing is recorded or left, and the next try works. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { armFailpoints, type Failpoint } from '../../../src/storage/index.ts'
import { contentOf } from '../../support/bytes.ts'
import { DATABASES } from '../../support/databases.ts'
import { codeOf } from '../../support/refusals.ts'
import {
  ACTOR,
  addFile,
  createDraft,
  expectSound,
  openTestStore,
  pushBlob,
  readBlob,
  sha256Of,
  type TestStore,
} from '../../support/registry-steps.ts'
import { BYTES, beginUpload, stagedFiles, uploadRows } from '../../support/upload-steps.ts'

const UPLOADING: readonly Failpoint[] = [
  'upload.before-write',
  'upload.after-write',
  'upload.before-fsync',
  'upload.before-rename',
  'upload.before-directory-fsync',
  'upload.after-commit',
]
const CODES = { ENOSPC: 'storage-full', EDQUOT: 'storage-full', EROFS: 'unavailable', EIO: 'unavailable' } as const

// One engine is enough: what fails here is the store, before the database is asked for anything.
const [sqlite] = DATABASES

describe('a store that fails', () => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(sqlite!)
  })
  afterEach(async () => {
    armFailpoints('')
    await store.close()
  })

  it.each(UPLOADING.flatMap((point) => Object.entries(CODES).map(([errno, code]) => [point, errno, code] as const)))(
    'at %s with %s refuses a push and a file as %s, and takes both afterwards',
    async (point, errno, code) => {
      const draft = await createDraft(store)
      const before = await store.eventTypes()
      const push = () => pushBlob(store, 'team/app', BYTES)
      const add = () => addFile(store, draft.id, 'a', Buffer.from('other bytes'))
      for (const attempt of [push, add]) {
        armFailpoints(`${point}=error:${errno}`)
        expect(await codeOf(attempt)).toBe(code)
        armFailpoints('')
        expect(await stagedFiles(store)).toEqual([])
        expect(await store.eventTypes()).toEqual(before)
      }
      await push()
      await add()
      expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
      await expectSound(store)
    },
  )

  it.each(['upload.before-write', 'upload.after-write', 'upload.before-fsync'] as const)(
    'at %s in the middle of an upload does not count the bytes of that request, and takes them again',
    async (point) => {
      const key = await beginUpload(store)
      await store.registry.uploads.append(key, contentOf(BYTES.subarray(0, 1_000)))
      armFailpoints(`${point}=error:ENOSPC`)
      const failing = store.registry.uploads.append(key, contentOf(BYTES.subarray(1_000)))
      expect(await codeOf(failing)).toBe('storage-full')
      armFailpoints('')
      const status = await store.registry.uploads.status(key).catch((error) => error.code)
      if (status === 'upload-unknown') throw new Error('the upload is gone, although it had acknowledged bytes')
      expect(status.size).toBe(1_000)
      const next = await store.registry.uploads
        .append(key, contentOf(BYTES.subarray(1_000)), { at: 1_000 })
        .catch((error) => error.code)
      // After a failed fsync no byte of the file can be believed: the upload ends, and says so.
      if (point === 'upload.before-fsync') expect(next).toBe('upload-unknown')
      else {
        await store.registry.uploads.complete(key, sha256Of(BYTES))
        expect((await readBlob(store, 'team/app', sha256Of(BYTES))).equals(BYTES)).toBe(true)
      }
      await expectSound(store)
    },
  )

  it.each(['blob.before-fsync', 'blob.before-rename', 'blob.before-directory-fsync'] as const)(
    'at %s leaves a draft a draft, which is finalized by the next try',
    async (point) => {
      const draft = await createDraft(store)
      await addFile(store, draft.id, 'a', BYTES)
      armFailpoints(`${point}=error:ENOSPC`)
      expect(await codeOf(store.registry.packages.finalize(draft.id, { actor: ACTOR }))).toBe('storage-full')
      armFailpoints('')
      expect((await store.registry.packages.get(draft.id)).status).toBe('created')
      await store.registry.packages.finalize(draft.id, { actor: ACTOR })
      expect(await uploadRows(store)).toBe(0)
      await expectSound(store)
    },
  )
})
