/** What every upload store keeps to, together with the blob store that its uploads end in. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BlobStore, Content, UploadStore } from '../../src/storage/index.ts'
import { addressOf, bytesOf, contentOf, failingAfter, readAll, toArray, watched } from '../support/bytes.ts'

export interface OpenedUploadStore {
  readonly uploads: UploadStore
  readonly blobs: BlobStore
  /** Traces of work that did not end, uploads excepted. */
  leftovers(): Promise<readonly string[]>
  close(): Promise<void>
}

const SIZES = [0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577, 5_000_000]
const NOTHING = Buffer.alloc(0)

export function describeUploadStore(name: string, open: () => Promise<OpenedUploadStore>): void {
  describe(`${name} upload store`, () => {
    let opened: OpenedUploadStore
    let uploads: UploadStore
    let blobs: BlobStore
    beforeEach(async () => {
      opened = await open()
      uploads = opened.uploads
      blobs = opened.blobs
    })
    afterEach(async () => {
      expect(await opened.leftovers()).toEqual([])
      await opened.close()
    })

    const bytes = bytesOf(300_000, 7)
    const digest = addressOf(bytes)
    const ids = async () => (await toArray(uploads.list())).map((upload) => upload.id)
    const received = async (id: string) => readAll(await uploads.read(id))
    async function start(id: string, content: Content = contentOf(bytes)): Promise<void> {
      await uploads.create(id)
      await uploads.append(id, 0, content)
    }

    describe('bytes received in one go', () => {
      it.each(SIZES)('become a blob of %i bytes, and no upload is seen on the way', async (size) => {
        const content = bytesOf(size, 3)
        const held = await uploads.receive(contentOf(content))
        expect(await blobs.stat(addressOf(content))).toBeUndefined()
        expect(await ids()).toEqual([])
        await held.commit(addressOf(content), size)
        expect((await readAll(await blobs.open(addressOf(content)))).equals(content)).toBe(true)
        await held.discard()
        expect(await blobs.stat(addressOf(content))).toEqual({ size })
      })

      it('leave nothing when they are discarded, once or twice', async () => {
        const held = await uploads.receive(contentOf(bytes))
        await held.discard()
        await held.discard()
        expect(await blobs.stat(digest)).toBeUndefined()
      })

      it('leave nothing when they break off, and say why', async () => {
        await expect(uploads.receive(failingAfter(bytes, new Error('gone')))).rejects.toThrow('gone')
        expect(await toArray(blobs.list())).toEqual([])
      })

      it('are no blob of another size, and can be discarded then', async () => {
        const held = await uploads.receive(contentOf(bytes))
        await expect(held.commit(digest, bytes.length + 1)).rejects.toMatchObject({ code: 'size-mismatch' })
        await held.discard()
        expect(await blobs.stat(digest)).toBeUndefined()
      })

      it('that are there already stay as they are, and one of another size is replaced', async () => {
        await (await uploads.receive(contentOf(bytes))).commit(digest, bytes.length)
        await (await uploads.receive(contentOf(bytes))).commit(digest, bytes.length)
        expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
        const other = addressOf(Buffer.from('short'))
        await (await uploads.receive(contentOf(Buffer.from('shorter')))).commit(other, 7)
        await (await uploads.receive(contentOf(Buffer.from('short')))).commit(other, 5)
        expect((await readAll(await blobs.open(other))).toString()).toBe('short')
      })

      it('of many at once are kept apart', async () => {
        const all = Array.from({ length: 20 }, (_, n) => bytesOf(10_000 + n, n))
        await Promise.all(
          all.map(async (each) => (await uploads.receive(contentOf(each))).commit(addressOf(each), each.length)),
        )
        for (const each of all) expect((await readAll(await blobs.open(addressOf(each)))).equals(each)).toBe(true)
      })
    })

    describe('when it cannot do what is asked', () => {
      it('says upload-missing for whatever needs an upload that is not there', async () => {
        const missing = { code: 'upload-missing', detail: { id: 'none' } }
        await expect(uploads.append('none', 0, contentOf(bytes))).rejects.toMatchObject(missing)
        await expect(uploads.read('none')).rejects.toMatchObject(missing)
        await expect(uploads.commit('none', digest, 0)).rejects.toMatchObject(missing)
        expect(await uploads.size('none')).toBeUndefined()
        expect(await uploads.discard('none')).toBe(false)
        expect(await ids()).toEqual([])
      })

      it.each(['', '.', '..', 'a/b', 'a.b', '../x', 'x'.repeat(65), 'ü', 'a\0'])('refuses the id %j', async (id) => {
        await expect(uploads.create(id)).rejects.toThrow(RangeError)
        await expect(uploads.append(id, 0, contentOf(bytes))).rejects.toThrow(RangeError)
        await expect(uploads.size(id)).rejects.toThrow(RangeError)
        await expect(uploads.read(id)).rejects.toThrow(RangeError)
        await expect(uploads.commit(id, digest, 1)).rejects.toThrow(RangeError)
        await expect(uploads.discard(id)).rejects.toThrow(RangeError)
      })

      it('refuses an offset beyond the end, reads nothing and changes nothing', async () => {
        await start('u')
        const content = watched(bytes)
        await expect(uploads.append('u', bytes.length + 1, content)).rejects.toMatchObject({
          code: 'offset-mismatch',
          detail: { size: bytes.length },
        })
        expect(content.read).toBe(0)
        expect((await received('u')).equals(bytes)).toBe(true)
      })

      it('keeps what arrived before the content failed, and goes on from there', async () => {
        const hangUp = new Error('the client hung up')
        await uploads.create('u')
        await expect(uploads.append('u', 0, failingAfter(bytes.subarray(0, 100_000), hangUp))).rejects.toBe(hangUp)
        expect(await uploads.size('u')).toBe(100_000)
        await expect(uploads.append('u', 100_000, failingAfter(NOTHING, hangUp))).rejects.toBe(hangUp)
        expect(await uploads.size('u')).toBe(100_000)
        expect(await uploads.append('u', 100_000, contentOf(bytes.subarray(100_000)))).toBe(bytes.length)
        await uploads.commit('u', digest, bytes.length)
        expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
      })

      it('keeps what arrived also when the request was meant to be the last', async () => {
        await uploads.create('u')
        const content = failingAfter(bytes.subarray(0, 90_000), new Error('gone'))
        await expect(uploads.append('u', 0, content, { ends: true })).rejects.toThrow('gone')
        expect((await received('u')).equals(bytes.subarray(0, 90_000))).toBe(true)
      })

      it('refuses to commit another number of bytes and keeps the upload', async () => {
        await start('u')
        for (const size of [0, bytes.length - 1, bytes.length + 1])
          await expect(uploads.commit('u', digest, size)).rejects.toMatchObject({ code: 'size-mismatch' })
        expect(await uploads.size('u')).toBe(bytes.length)
        expect(await blobs.stat(digest)).toBeUndefined()
      })
    })

    it('makes an empty upload once, however often it is asked', async () => {
      await uploads.create('u')
      expect(await uploads.size('u')).toBe(0)
      expect(await received('u')).toEqual(NOTHING)
      await uploads.append('u', 0, contentOf(bytes))
      await uploads.create('u')
      expect(await uploads.size('u')).toBe(bytes.length)
      expect(await ids()).toEqual(['u'])
    })

    it.each(SIZES)('turns an upload of %i bytes into a blob', async (size) => {
      const body = bytesOf(size, size + 3)
      const address = addressOf(body)
      await uploads.create('u')
      expect(await uploads.append('u', 0, contentOf(body), { ends: true })).toBe(size)
      await uploads.commit('u', address, size)
      expect(await blobs.stat(address)).toEqual({ size })
      expect((await readAll(await blobs.open(address))).equals(body)).toBe(true)
      expect(await uploads.size('u')).toBeUndefined()
      expect(await ids()).toEqual([])
      await expect(uploads.commit('u', address, size)).rejects.toMatchObject({ code: 'upload-missing' })
    })

    it('takes bytes in as many parts as they come', async () => {
      await uploads.create('parts')
      let at = 0
      for (const size of [1, 0, 99_999, 150_000, 50_000]) {
        at = await uploads.append('parts', at, contentOf(bytes.subarray(at, at + size)))
        expect(await uploads.size('parts')).toBe(at)
      }
      expect((await received('parts')).equals(bytes)).toBe(true)
      expect((await received('parts')).equals(bytes)).toBe(true)
    })

    it('drops what lies beyond the offset before it writes', async () => {
      await start('u', contentOf(bytesOf(500_000, 99)))
      await uploads.append('u', 0, contentOf(bytes.subarray(0, 1_000)))
      expect((await received('u')).equals(bytes.subarray(0, 1_000))).toBe(true)
      await uploads.append('u', 400, contentOf(NOTHING))
      expect((await received('u')).equals(bytes.subarray(0, 400))).toBe(true)
    })

    it('keeps the blob that is there when an upload of the same content is committed', async () => {
      await blobs.put(digest, bytes.length, contentOf(bytes))
      const before = await toArray(blobs.list())
      await start('again')
      await uploads.commit('again', digest, bytes.length)
      expect(await toArray(blobs.list())).toEqual(before)
      expect(await ids()).toEqual([])
    })

    it('replaces a blob of another size by the upload', async () => {
      await blobs.put(digest, 9, contentOf(Buffer.from('truncated')))
      await start('u')
      await uploads.commit('u', digest, bytes.length)
      expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
    })

    it('stores one blob when two uploads of the same content are committed at once', async () => {
      await Promise.all([start('a'), start('b')])
      await Promise.all(['a', 'b'].map((id) => uploads.commit(id, digest, bytes.length)))
      expect(await toArray(blobs.list())).toHaveLength(1)
      expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
      expect(await ids()).toEqual([])
    })

    it('tells exactly one of two discards that the upload was there', async () => {
      await start('u')
      expect((await Promise.all([uploads.discard('u'), uploads.discard('u')])).sort()).toEqual([false, true])
      expect(await ids()).toEqual([])
      expect(await uploads.size('u')).toBeUndefined()
    })

    it('lists every upload with its size and the time of its last write', async () => {
      const before = Date.now() - 1_000
      await Promise.all([start('a'), start('b-1', contentOf(bytes.subarray(0, 5))), uploads.create('c_2')])
      const listed = (await toArray(uploads.list())).sort((x, y) => x.id.localeCompare(y.id))
      expect(listed.map(({ id, size }) => ({ id, size }))).toEqual([
        { id: 'a', size: bytes.length },
        { id: 'b-1', size: 5 },
        { id: 'c_2', size: 0 },
      ])
      for (const { modifiedAt } of listed) {
        expect(modifiedAt).toBeGreaterThan(before)
        expect(modifiedAt).toBeLessThan(Date.now() + 1_000)
      }
    })

    it('lets a reader stop early', async () => {
      const body = bytesOf(5_000_000, 5)
      await start('u', contentOf(body))
      for await (const chunk of await uploads.read('u')) {
        expect(chunk.byteLength).toBeGreaterThan(0)
        break
      }
      expect(await uploads.discard('u')).toBe(true)
    })
  })
}
