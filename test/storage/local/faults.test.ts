/** The disk says no: each failure has its code, leaves nothing half-written, and the same call succeeds afterwards. */
import { spawnSync } from 'node:child_process'
import { chmod, chown, type FileHandle, mkdir, open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { armFailpoints } from '../../../src/storage/index.ts'
import { type LocalStore, openLocalStore } from '../../../src/storage/local/index.ts'
import { addressOf, bytesOf, contentOf, failingAfter, readAll, toArray } from '../../support/bytes.ts'
import { type LocalRoot, localRoot, makeLocalRoot } from './local-root.ts'

const bytes = bytesOf(400_000)
const digest = addressOf(bytes)

let place: LocalRoot
let store: LocalStore
beforeEach(async () => {
  place = await makeLocalRoot()
  store = await openLocalStore({ root: place.root, durability: 'durable' })
})
afterEach(async () => {
  armFailpoints('')
  vi.restoreAllMocks()
  await place.remove()
})

const put = () => store.blobs.put(digest, bytes.length, contentOf(bytes))
async function push(ends = true): Promise<void> {
  await store.uploads.create('u')
  await store.uploads.append('u', 0, contentOf(bytes), { ends })
  await store.uploads.commit('u', digest, bytes.length)
}

const FAULTS = [
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EROFS', 'read-only'],
  ['EACCES', 'read-only'],
  ['EIO', 'unavailable'],
] as const

describe.each(FAULTS)('%s', (errno, code) => {
  const fault = (cause: string) => ({
    name: 'StorageError',
    code,
    detail: { errno },
    cause: { message: expect.stringContaining(cause) },
  })

  it.each(['blob.before-fsync', 'blob.before-rename'])('at %s of a put leaves nothing behind', async (point) => {
    armFailpoints(`${point}=error:${errno}`)
    await expect(put()).rejects.toMatchObject(fault(point))
    expect(await place.files()).toEqual([])
    armFailpoints('')
    await put()
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
  })

  it('at the last step of a put leaves a whole blob at most', async () => {
    armFailpoints(`blob.before-directory-fsync=error:${errno}`)
    await expect(put()).rejects.toMatchObject(fault('blob.before-directory-fsync'))
    expect(await place.leftovers()).toEqual([])
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
  })

  it.each(['upload.before-write', 'upload.after-write'])('at %s gives back the bytes of that append', async (point) => {
    await store.uploads.create('u')
    await store.uploads.append('u', 0, contentOf(bytes.subarray(0, 1_000)))
    armFailpoints(`${point}=error:${errno}`)
    await expect(store.uploads.append('u', 1_000, contentOf(bytes.subarray(1_000)))).rejects.toMatchObject(fault(point))
    expect(await store.uploads.size('u')).toBe(1_000)
    armFailpoints('')
    await store.uploads.append('u', 1_000, contentOf(bytes.subarray(1_000)))
    await store.uploads.commit('u', digest, bytes.length)
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
  })

  it('at an upload fsync drops the upload, whose bytes nobody can vouch for any more', async () => {
    for (const ends of [true, false]) {
      armFailpoints(`upload.before-fsync=error:${errno}`)
      await expect(push(ends)).rejects.toMatchObject(fault('upload.before-fsync'))
      expect(await place.files()).toEqual([])
    }
    armFailpoints('')
    await push()
    expect(await store.blobs.stat(digest)).toEqual({ size: bytes.length })
  })

  it('before the rename of a commit leaves the upload as it was', async () => {
    armFailpoints(`upload.before-rename=error:${errno}`)
    await expect(push()).rejects.toMatchObject(fault('upload.before-rename'))
    expect(await store.blobs.stat(digest)).toBeUndefined()
    armFailpoints('')
    await store.uploads.commit('u', digest, bytes.length)
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
    expect(await place.files()).toHaveLength(1)
  })
})

describe('fsync', () => {
  /** Every file handle's fsync passes here; `wrong` decides which of them fails. */
  async function watchFsync(wrong: (kind: 'file' | 'folder') => boolean): Promise<{ files: number; folders: number }> {
    const seen = { files: 0, folders: 0 }
    const handle = await openFile(place.root, 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    for (const method of ['sync', 'datasync'] as const) {
      const original = prototype[method]
      vi.spyOn(prototype, method).mockImplementation(async function (this: FileHandle) {
        const isFolder = (await this.stat()).isDirectory()
        seen[isFolder ? 'folders' : 'files']++
        if (wrong(isFolder ? 'folder' : 'file')) throw Object.assign(new Error('EIO: fsync'), { code: 'EIO' })
        return original.call(this)
      })
    }
    return seen
  }

  it('that fails is never retried for the file: the put fails and the bytes go', async () => {
    const seen = await watchFsync((kind) => kind === 'file')
    await expect(put()).rejects.toMatchObject({ code: 'unavailable', detail: { operation: 'fsync' } })
    expect(seen.files).toBe(1)
    expect(await place.files()).toEqual([])
  })

  it('that fails while bytes still come in fails the append and drops the upload', async () => {
    const seen = await watchFsync((kind) => kind === 'file' && seen.files === 1)
    const large = bytesOf(40_000_000)
    await store.uploads.create('u')
    await expect(store.uploads.append('u', 0, contentOf(large), { ends: true })).rejects.toMatchObject({
      code: 'unavailable',
      detail: { operation: 'fsync' },
    })
    expect(seen.files).toBe(1)
    expect(await place.files()).toEqual([])
  })

  it('that fails on a folder leaves the folder refused until a restart', async () => {
    let broken = true
    await watchFsync((kind) => broken && kind === 'folder')
    await expect(put()).rejects.toMatchObject({ code: 'unavailable', detail: { operation: 'fsync' } })
    broken = false
    await expect(put()).rejects.toMatchObject({ code: 'unavailable', detail: { operation: 'fsync' } })
    store = await openLocalStore({ root: place.root, durability: 'durable' })
    await put()
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
  })

  it('that fails on a folder is told to whoever opened the store, once for each folder', async () => {
    const told: unknown[] = []
    const onFolderFailure = (error: unknown) => told.push(error)
    store = await openLocalStore({ root: place.root, durability: 'durable', onFolderFailure })
    await watchFsync((kind) => kind === 'folder')
    for (let n = 0; n < 2; n += 1) await expect(put()).rejects.toMatchObject({ code: 'unavailable' })
    // The parents of the two shard folders; without them nothing is renamed into the inner one.
    expect(told).toEqual(Array.from({ length: 2 }, () => expect.objectContaining({ code: 'EIO' })))
  })

  it('reaches the file and every folder whose entries a put changed', async () => {
    const seen = await watchFsync(() => false)
    await put()
    // Two new shard folders in blake3/ and in the outer one, and the blob's entry. What stays in tmp/ is nobody's.
    expect(seen).toEqual({ files: 1, folders: 3 })
    const sibling = bytesOf(10, 77)
    await store.blobs.put(addressOf(sibling), 10, contentOf(sibling))
    expect(seen.files).toBe(2)
  })

  it('reaches bytes that came in one go at their commit, before they have an address', async () => {
    const seen = await watchFsync((kind) => kind === 'file')
    const held = await store.uploads.receive(contentOf(bytes))
    expect(seen).toEqual({ files: 0, folders: 0 })
    const refused = { code: 'unavailable', detail: { operation: 'fsync' } }
    await expect(held.commit(digest, bytes.length)).rejects.toMatchObject(refused)
    expect(await store.blobs.stat(digest)).toBeUndefined()
    await held.discard()
    expect(await place.files()).toEqual([])
  })

  it('reaches every folder in which bytes that came in one go got an entry', async () => {
    const seen = await watchFsync(() => false)
    await (await store.uploads.receive(contentOf(bytes))).commit(digest, bytes.length)
    expect(seen).toEqual({ files: 1, folders: 3 })
  })

  it('reaches a blob that another process may have left undurable, once (core rule 11)', async () => {
    await put()
    store = await openLocalStore({ root: place.root, durability: 'durable' })
    const seen = await watchFsync(() => false)
    await put()
    expect(seen.files).toBe(1)
    expect(seen.folders).toBeGreaterThanOrEqual(3)
    const after = { ...seen }
    await put()
    expect(seen).toEqual(after)
    await store.blobs.remove(digest)
    await put()
    await put()
    expect(seen.files).toBe(after.files + 2)
  })

  it('comes before an append answers, and is left to the commit when the append ends the upload', async () => {
    const seen = await watchFsync(() => false)
    await store.uploads.create('u')
    await store.uploads.append('u', 0, contentOf(bytes.subarray(0, 10)))
    expect(seen).toEqual({ files: 1, folders: 1 })
    await store.uploads.append('u', 10, contentOf(bytes.subarray(10)), { ends: true })
    expect(seen).toEqual({ files: 1, folders: 1 })
    await store.uploads.commit('u', digest, bytes.length)
    expect(seen.files).toBe(2)
  })

  it('comes also before an append tells that its content failed, so that what arrived may be counted on', async () => {
    const seen = await watchFsync(() => false)
    await store.uploads.create('u')
    for (const ends of [false, true]) {
      const content = failingAfter(bytes.subarray(0, 90_000), new Error('gone'))
      await expect(store.uploads.append('u', 0, content, { ends })).rejects.toThrow('gone')
    }
    expect(seen).toEqual({ files: 2, folders: 2 })
  })

  it('reaches a blob that a commit finds there, before the upload is dropped', async () => {
    await put()
    store = await openLocalStore({ root: place.root, durability: 'durable' })
    await store.uploads.create('u')
    await store.uploads.append('u', 0, contentOf(bytes), { ends: true })
    const seen = await watchFsync((kind) => kind === 'file')
    await expect(store.uploads.commit('u', digest, bytes.length)).rejects.toMatchObject({ code: 'unavailable' })
    expect(seen.files).toBe(1)
    expect(await store.uploads.size('u')).toBe(bytes.length)
  })

  it('is not done at all when durability is relaxed', async () => {
    store = await openLocalStore({ root: place.root, durability: 'relaxed' })
    const seen = await watchFsync(() => true)
    await put()
    await push(false)
    await store.blobs.remove(digest)
    expect(seen).toEqual({ files: 0, folders: 0 })
  })

  it('of one folder is shared by puts that wait for it together', async () => {
    const bodies = Array.from({ length: 32 }, (_, n) => bytesOf(100, n + 1))
    await Promise.all(bodies.map((body) => store.blobs.put(addressOf(body), 100, contentOf(body))))
    await Promise.all(bodies.map((body) => store.blobs.remove(addressOf(body))))
    const seen = await watchFsync(() => false)
    await Promise.all(bodies.map((body) => store.blobs.put(addressOf(body), 100, contentOf(body))))
    // Each blob has a shard folder of its own; tmp/ is one for all.
    expect(seen.folders).toBeLessThan(2 * bodies.length)
  })
})

describe('a write that takes fewer bytes than given', () => {
  it('is followed by others until all bytes are written, wherever it stopped', async () => {
    const handle = await openFile(place.root, 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    let limit = 100_000
    const whole = prototype.writev
    vi.spyOn(prototype, 'writev').mockImplementation(async function (this: FileHandle, buffers, position) {
      limit = limit === 100_000 ? 131_072 : 100_000
      const part = Buffer.concat(buffers as readonly Uint8Array[]).subarray(0, limit)
      const { bytesWritten } = await whole.call(this, [part], position)
      return { bytesWritten, buffers: [...buffers] }
    })
    await put()
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
  })

  it('and then takes none at all is a fault of the disk', async () => {
    const handle = await openFile(place.root, 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    vi.spyOn(prototype, 'writev').mockResolvedValue({ bytesWritten: 0, buffers: [] })
    await expect(put()).rejects.toMatchObject({ code: 'unavailable', detail: { operation: 'write' } })
    expect(await place.files()).toEqual([])
  })
})

describe('a disk without room', () => {
  /** A tiny file system where the tests may mount one, else the failpoint that says the same. */
  async function fullDisk(): Promise<{ disk: LocalRoot; clear: () => void }> {
    await mkdir(join(place.root, 'disk'))
    const root = join(place.root, 'disk')
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]).status === 0
    if (!mounted) armFailpoints('blob.before-fsync=error:ENOSPC,upload.after-write=error:ENOSPC')
    return {
      disk: localRoot(root, async () => {
        if (mounted) spawnSync('umount', [root])
      }),
      clear: () => armFailpoints(''),
    }
  }

  it('says no-space, gives the room back and takes what fits', async () => {
    const { disk, clear } = await fullDisk()
    try {
      const { blobs, uploads } = await openLocalStore({ root: disk.root, durability: 'durable' })
      const large = bytesOf(3_000_000)
      for (let round = 0; round < 2; round++) {
        await expect(blobs.put(addressOf(large), large.length, contentOf(large))).rejects.toMatchObject({
          code: 'no-space',
          retryable: false,
        })
        expect(await disk.leftovers()).toEqual([])
        await uploads.create('u')
        await expect(uploads.append('u', 0, contentOf(large))).rejects.toMatchObject({ code: 'no-space' })
        expect(await uploads.size('u')).toBe(0)
      }
      clear()
      await blobs.put(digest, bytes.length, contentOf(bytes))
      expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
      expect((await toArray(blobs.list())).length).toBe(1)
    } finally {
      await disk.remove()
    }
  })
})

describe('a root that takes no writes', () => {
  it('is read as before and answers read-only to every write', async () => {
    await put()
    await store.uploads.create('u')
    await store.uploads.append('u', 0, contentOf(bytes))
    await makeReadOnly(place.root)
    const child = fileURLToPath(new URL('child-read-only.ts', import.meta.url))
    const run = spawnSync(process.execPath, [child, place.root, digest], { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(JSON.parse(run.stdout)).toEqual({
      healthy: false,
      stat: { size: bytes.length },
      read: bytes.length,
      listed: 1,
      append: 'read-only',
      commit: 'read-only',
      create: 'read-only',
      discard: 'read-only',
      put: 'read-only',
      quarantine: 'read-only',
      remove: 'read-only',
    })
    expect(await place.leftovers()).toEqual([])
    expect((await readAll(await store.blobs.open(digest))).equals(bytes)).toBe(true)
  })

  /** All of it belongs to the user who runs the tests; the child gives up being root, who may write anyway. */
  async function makeReadOnly(folder: string): Promise<void> {
    const owner = process.getuid?.() ?? 0
    await chown(folder, owner, process.getgid?.() ?? 0)
    spawnSync('chmod', ['-R', 'a-w,a+rX', folder])
    await chmod(folder, 0o555)
  }
})
