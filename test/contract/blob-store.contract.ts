/** What every blob store keeps to. Called by each implementation with a way to open an empty one. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BlobStore, canQuarantine, canTellHealth } from '../../src/storage/index.ts'
import { addressOf, bytesOf, contentOf, failingAfter, readAll, toArray, watched } from '../support/bytes.ts'

export interface OpenedBlobStore {
  readonly store: BlobStore
  /** Traces of work that did not end, such as temporary files. Empty whenever no call is running. */
  leftovers(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Around one chunk of a socket, one write and one segment; and nothing at all. */
const SIZES = [0, 1, 65_535, 65_536, 65_537, 262_145, 1_048_575, 1_048_576, 1_048_577, 5_000_000]

export function describeBlobStore(name: string, open: () => Promise<OpenedBlobStore>): void {
  describe(`${name} blob store`, () => {
    let opened: OpenedBlobStore
    let store: BlobStore
    beforeEach(async () => {
      opened = await open()
      store = opened.store
    })
    afterEach(async () => {
      expect(await opened.leftovers()).toEqual([])
      await opened.close()
    })

    const bytes = bytesOf(200_000)
    const digest = addressOf(bytes)
    const stored = () => toArray(store.list())

    describe('when it cannot do what is asked', () => {
      it('throws what the content throws and stores nothing', async () => {
        const hangUp = new Error('the client hung up')
        await expect(store.put(digest, bytes.length, failingAfter(bytes.subarray(0, 70_000), hangUp))).rejects.toBe(
          hangUp,
        )
        expect(await store.stat(digest)).toBeUndefined()
        expect(await stored()).toEqual([])
      })

      it('refuses fewer bytes than announced and stores nothing', async () => {
        const short = contentOf(bytes.subarray(1))
        await expect(store.put(digest, bytes.length, short)).rejects.toMatchObject({ code: 'size-mismatch' })
        expect(await stored()).toEqual([])
      })

      it('refuses more bytes than announced without reading on', async () => {
        const long = watched(bytesOf(10_000_000))
        await expect(store.put(digest, 100_000, long)).rejects.toMatchObject({ code: 'size-mismatch' })
        expect(long.read).toBeLessThan(1_000_000)
        expect(long.isClosed).toBe(true)
        expect(await stored()).toEqual([])
      })

      it('keeps what it has when a second put of the same blob fails', async () => {
        await store.put(digest, bytes.length, contentOf(bytes))
        await expect(store.put(digest, bytes.length, contentOf(bytes.subarray(1)))).rejects.toMatchObject({
          code: 'size-mismatch',
        })
        await expect(store.put(digest, 3, failingAfter(bytes.subarray(0, 2), new Error('gone')))).rejects.toThrow(
          'gone',
        )
        expect(await readAll(await store.open(digest))).toEqual(bytes)
      })

      it('says blob-missing on opening what it does not have, and undefined on asking for it', async () => {
        await expect(store.open(digest)).rejects.toMatchObject({ code: 'blob-missing', detail: { digest } })
        expect(await store.stat(digest)).toBeUndefined()
      })

      it.each([
        { first: 0, last: 200_000 },
        { first: 200_000, last: 200_000 },
        { first: 5, last: 4 },
        { first: -1, last: 4 },
      ])('refuses the range $first-$last of 200,000 bytes', async (range) => {
        await store.put(digest, bytes.length, contentOf(bytes))
        await expect(store.open(digest, range)).rejects.toMatchObject({ code: 'range-invalid' })
      })

      it('refuses every range of an empty blob', async () => {
        const empty = addressOf(Buffer.alloc(0))
        await store.put(empty, 0, contentOf(Buffer.alloc(0)))
        await expect(store.open(empty, { first: 0, last: 0 })).rejects.toMatchObject({ code: 'range-invalid' })
      })

      it('answers false when asked to remove what it does not have', async () => {
        expect(await store.remove(digest)).toBe(false)
      })
    })

    it.each(SIZES)('gives back the %i bytes that it was given', async (size) => {
      const body = bytesOf(size, size + 1)
      const address = addressOf(body)
      await store.put(address, size, contentOf(body))
      expect(await store.stat(address)).toEqual({ size })
      expect((await readAll(await store.open(address))).equals(body)).toBe(true)
      expect(await stored()).toEqual([{ digest: address, size, storedAt: expect.any(Number) }])
    })

    it('gives back a body that came in single bytes and empty chunks', async () => {
      const body = bytesOf(3_000)
      async function* drip() {
        for (const slice of body) {
          yield Uint8Array.of(slice)
          yield new Uint8Array(0)
        }
      }
      await store.put(addressOf(body), body.length, drip())
      expect(await readAll(await store.open(addressOf(body)))).toEqual(body)
    })

    it('reads a repeated put to its end and rewrites nothing', async () => {
      await store.put(digest, bytes.length, contentOf(bytes))
      const before = await stored()
      const again = watched(bytes)
      await store.put(digest, bytes.length, again)
      expect(again.read).toBe(bytes.length)
      expect(await stored()).toEqual(before)
    })

    it('replaces a blob of another size', async () => {
      await store.put(digest, 9, contentOf(Buffer.from('truncated')))
      await store.put(digest, bytes.length, contentOf(bytes))
      expect((await readAll(await store.open(digest))).equals(bytes)).toBe(true)
      expect(await stored()).toHaveLength(1)
    })

    it('stores one blob when two puts of it run at once', async () => {
      await Promise.all([
        store.put(digest, bytes.length, contentOf(bytes)),
        store.put(digest, bytes.length, contentOf(bytes, 1_000)),
      ])
      expect((await readAll(await store.open(digest))).equals(bytes)).toBe(true)
      expect(await stored()).toHaveLength(1)
    })

    it('stores the blob when one of two puts of it at once fails', async () => {
      const [failed, done] = await Promise.allSettled([
        store.put(digest, bytes.length, failingAfter(bytes.subarray(0, 150_000), new Error('gone'))),
        store.put(digest, bytes.length, contentOf(bytes)),
      ])
      expect([failed.status, done.status]).toEqual(['rejected', 'fulfilled'])
      expect((await readAll(await store.open(digest))).equals(bytes)).toBe(true)
    })

    it('tells exactly one of two removers that the blob was there', async () => {
      await store.put(digest, bytes.length, contentOf(bytes))
      const answers = await Promise.all([store.remove(digest), store.remove(digest)])
      expect(answers.sort()).toEqual([false, true])
      expect(await store.remove(digest)).toBe(false)
      expect(await stored()).toEqual([])
    })

    it('opens exactly the bytes of any range inside the blob', async () => {
      await store.put(digest, bytes.length, contentOf(bytes))
      const offset = fc.integer({ min: 0, max: bytes.length - 1 })
      await fc.assert(
        fc.asyncProperty(offset, offset, async (a, b) => {
          const range = { first: Math.min(a, b), last: Math.max(a, b) }
          const part = await readAll(await store.open(digest, range))
          expect(part.equals(bytes.subarray(range.first, range.last + 1))).toBe(true)
        }),
        { numRuns: 30 },
      )
    })

    it('lets a reader stop early', async () => {
      const body = bytesOf(5_000_000)
      await store.put(addressOf(body), body.length, contentOf(body))
      for await (const chunk of await store.open(addressOf(body))) {
        expect(body.subarray(0, chunk.length).equals(chunk)).toBe(true)
        break
      }
      const stream = await store.open(addressOf(body))
      stream.destroy()
      expect(stream.destroyed).toBe(true)
    })

    it('lists all blobs in digest order, and from any of them on', async () => {
      const bodies = Array.from({ length: 40 }, (_, n) => bytesOf(10 + n, n + 1))
      await Promise.all(bodies.map((body) => store.put(addressOf(body), body.length, contentOf(body))))
      const sorted = bodies.map(addressOf).sort()
      expect((await stored()).map((blob) => blob.digest)).toEqual(sorted)
      for (const [n, after] of sorted.entries())
        expect((await toArray(store.list(after))).map((blob) => blob.digest)).toEqual(sorted.slice(n + 1))
    })

    it('lists on while blobs come and go', async () => {
      const bodies = Array.from({ length: 12 }, (_, n) => bytesOf(10, n + 1))
      for (const body of bodies) await store.put(addressOf(body), body.length, contentOf(body))
      const sorted = bodies.map(addressOf).sort()
      const seen: string[] = []
      for await (const blob of store.list()) {
        seen.push(blob.digest)
        if (seen.length === 1) await store.remove(sorted[11]!)
      }
      expect(seen.slice(0, 11)).toEqual(sorted.slice(0, 11))
      expect(await stored()).toHaveLength(11)
    })

    it('moves damaged bytes out of reach and takes the blob anew', async () => {
      if (!canQuarantine(store)) throw new Error('every store of this repository can quarantine')
      expect(await store.quarantine(digest)).toBe(false)
      for (let round = 0; round < 2; round++) {
        await store.put(digest, bytes.length, contentOf(bytes))
        expect(await store.quarantine(digest)).toBe(true)
        expect(await store.quarantine(digest)).toBe(false)
        expect(await store.stat(digest)).toBeUndefined()
        await expect(store.open(digest)).rejects.toMatchObject({ code: 'blob-missing' })
        expect(await stored()).toEqual([])
      }
      await store.put(digest, bytes.length, contentOf(bytes))
      expect((await readAll(await store.open(digest))).equals(bytes)).toBe(true)
    })

    it('says that it is well', async () => {
      if (!canTellHealth(store)) throw new Error('every store of this repository can tell')
      expect(await store.health()).toMatchObject({ healthy: true })
    })
  })
}
