import { readdirSync } from 'node:fs'
import { mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hexOf } from '../../../src/storage/index.ts'
import { openLocalStore } from '../../../src/storage/local/index.ts'
import { describeBlobStore } from '../../contract/blob-store.contract.ts'
import { describeUploadStore } from '../../contract/upload-store.contract.ts'
import { addressOf, bytesOf, contentOf, readAll, toArray } from '../../support/bytes.ts'
import { type LocalRoot, makeLocalRoot } from './local-root.ts'

for (const durability of ['durable', 'relaxed'] as const) {
  describeBlobStore(`local ${durability}`, async () => {
    const place = await makeLocalRoot()
    const { blobs } = await openLocalStore({ root: place.root, durability })
    return { store: blobs, leftovers: place.leftovers, close: place.remove }
  })
  describeUploadStore(`local ${durability}`, async () => {
    const place = await makeLocalRoot()
    const store = await openLocalStore({ root: place.root, durability })
    return { ...store, leftovers: place.leftovers, close: place.remove }
  })
}

describe('a local store on its disk', () => {
  let place: LocalRoot
  const bytes = bytesOf(100_000)
  const digest = addressOf(bytes)
  const hex = hexOf(digest)
  const path = `blake3/${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex}`
  const open = () => openLocalStore({ root: place.root, durability: 'durable' })

  beforeEach(async () => {
    place = await makeLocalRoot()
  })
  afterEach(() => place.remove())

  it('says that it cannot make its root below a file', async () => {
    await writeFile(join(place.root, '..', 'file'), '')
    await expect(
      openLocalStore({ root: join(place.root, '..', 'file', 'root'), durability: 'durable' }),
    ).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' })
  })

  it('becomes unhealthy and takes nothing when its root vanishes, and does not make another', async () => {
    const { blobs, uploads } = await open()
    expect(await blobs.health()).toMatchObject({
      healthy: true,
      freeBytes: expect.any(Number),
      totalBytes: expect.any(Number),
    })
    await rename(place.root, `${place.root}-unmounted`)
    expect(await blobs.health()).toMatchObject({ healthy: false, detail: expect.stringContaining('gone') })
    await expect(blobs.put(digest, bytes.length, contentOf(bytes))).rejects.toMatchObject({ code: 'unavailable' })
    await expect(uploads.create('u')).rejects.toMatchObject({ code: 'unavailable' })
    await mkdir(place.root)
    expect(await blobs.health()).toMatchObject({ healthy: false, detail: expect.stringContaining('another') })
    await expect(blobs.put(digest, bytes.length, contentOf(bytes))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await place.files()).toEqual([])
  })

  it('puts a blob under its algorithm and two shard folders', async () => {
    const { blobs } = await open()
    await blobs.put(digest, bytes.length, contentOf(bytes))
    expect(await place.files()).toEqual([path])
    expect((await readFile(join(place.root, path))).equals(bytes)).toBe(true)
  })

  it('finds blobs and half-done uploads again when opened anew', async () => {
    const first = await open()
    await first.blobs.put(digest, bytes.length, contentOf(bytes))
    await first.uploads.create('half')
    await first.uploads.append('half', 0, contentOf(bytes.subarray(0, 60_000)))
    const second = await open()
    expect((await readAll(await second.blobs.open(digest))).equals(bytes)).toBe(true)
    expect(await second.uploads.append('half', 60_000, contentOf(bytes.subarray(60_000)))).toBe(bytes.length)
    await second.uploads.commit('half', digest, bytes.length)
    expect(await place.files()).toEqual([path])
  })

  it('gives as the time of storing that of the commit, however long ago the bytes came', async () => {
    const { blobs, uploads } = await open()
    await uploads.create('slow')
    await uploads.append('slow', 0, contentOf(bytes))
    await utimes(join(place.root, 'uploads', 'slow'), 1_000, 1_000)
    const before = Date.now() - 1_000
    await uploads.commit('slow', digest, bytes.length)
    expect((await toArray(blobs.list()))[0]!.storedAt).toBeGreaterThan(before)
  })

  it('keeps each damaged copy under its own number', async () => {
    const { blobs } = await open()
    for (const size of [3, 4, 5]) {
      await blobs.put(digest, size, contentOf(bytesOf(size)))
      await blobs.quarantine(digest)
    }
    expect(await place.files()).toEqual([0, 1, 2].map((n) => `quarantine/${hex}.${n}`))
  })

  it('reads a blob to its end although it is removed meanwhile', async () => {
    const body = bytesOf(2_000_000)
    const { blobs } = await open()
    await blobs.put(addressOf(body), body.length, contentOf(body))
    const stream = await blobs.open(addressOf(body))
    await blobs.remove(addressOf(body))
    expect((await readAll(stream)).equals(body)).toBe(true)
  })

  it('asks for the content again when the blob goes while a repeated put is drained', async () => {
    const { blobs } = await open()
    await blobs.put(digest, bytes.length, contentOf(bytes))
    async function* whileRemoving() {
      yield bytes.subarray(0, 1_000)
      await blobs.remove(digest)
      yield bytes.subarray(1_000)
    }
    await expect(blobs.put(digest, bytes.length, whileRemoving())).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
    await blobs.put(digest, bytes.length, contentOf(bytes))
    expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
  })

  it('takes foreign and misplaced files for what they are', async () => {
    const { blobs, uploads } = await open()
    await uploads.create('mine')
    await writeFile(join(place.root, 'uploads', '.nfs0001'), 'foreign')
    await mkdir(join(place.root, 'uploads', 'lost'))
    expect((await toArray(uploads.list())).map((upload) => upload.id)).toEqual(['mine'])
    expect(await uploads.size('lost')).toBeUndefined()
    await blobs.put(digest, bytes.length, contentOf(bytes))
    const folder = join(place.root, 'blake3', hex.slice(0, 2), hex.slice(2, 4))
    await writeFile(join(folder, '.DS_Store'), '')
    await writeFile(join(folder, `${hex.slice(0, 4)}${'z'.repeat(60)}`), '')
    await writeFile(join(folder, `ffff${hex.slice(4)}`), '')
    await writeFile(join(folder, `${hex}.bak`), '')
    await mkdir(join(place.root, 'blake3', 'lost+found'))
    const other = hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0')
    await mkdir(join(folder, other))
    expect((await toArray(blobs.list())).map((blob) => blob.digest)).toEqual([digest])
  })

  it('closes every file that it opens', async () => {
    const { blobs, uploads } = await open()
    const openFiles = () => readdirSync('/dev/fd').length
    await blobs.put(digest, bytes.length, contentOf(bytes))
    const before = openFiles()
    for (let n = 0; n < 5; n++) {
      await blobs.put(digest, bytes.length, contentOf(bytes))
      await readAll(await blobs.open(digest, { first: 3, last: 70_000 }))
      await blobs.open(digest, { first: 1, last: 1_000_000 }).catch(() => {})
      await blobs.put(digest, 5, contentOf(bytes)).catch(() => {})
      await uploads.create('u')
      await uploads.append('u', 0, contentOf(bytes))
      await uploads.append('u', 1_000_000, contentOf(bytes)).catch(() => {})
      for await (const _ of await uploads.read('u')) break
      await uploads.commit('u', digest, 1).catch(() => {})
      await uploads.commit('u', digest, bytes.length)
    }
    expect(openFiles()).toBeLessThanOrEqual(before)
  })

  describe('when it starts', () => {
    const leave = async (name: string, ageHours = 0) => {
      const file = join(place.root, 'tmp', name)
      await writeFile(file, 'half a blob')
      const when = Date.now() / 1_000 - ageHours * 3_600
      await utimes(file, when, when)
    }

    it('leaves alone what a living process is writing', async () => {
      const { blobs } = await open()
      async function* whileAnotherStarts() {
        yield bytes.subarray(0, 70_000)
        await open()
        yield bytes.subarray(70_000)
      }
      await blobs.put(digest, bytes.length, whileAnotherStarts())
      expect((await readAll(await blobs.open(digest))).equals(bytes)).toBe(true)
    })

    it('removes what nobody wrote to for a day, and nothing that may still be written', async () => {
      await open()
      await leave('other-host.1.1.1', 25)
      await leave('other-host.1.1.2', 23)
      await open()
      expect(await place.leftovers()).toEqual(['tmp/other-host.1.1.2'])
    })
  })
})
