/**
 * Blobs as files. A blob appears by one rename of a complete, flushed file, so a reader sees all of it or nothing.
 */
import { type FileHandle, open, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { BlobStat, BlobStore, Content, Quarantine, StoredFile } from '../blob-store.ts'
import { type ByteRange, containsRange } from '../byte-range.ts'
import { type Digest, hexOf } from '../digest.ts'
import { StorageError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import { errnoOf, isMissing, onDisk } from './fault.ts'
import { writeContent } from './file-writer.ts'
import { listBlobs } from './list-blobs.ts'
import type { Place } from './place.ts'
import { RecycledStream } from './recycled-stream.ts'

export function localBlobs(place: Place): BlobStore & Quarantine {
  return {
    stat: (digest) => statBlob(place, digest),
    open: (digest, range) => openBlob(place, digest, range),
    put: (digest, size, content) => putBlob(place, digest, size, content),
    remove: (digest) => removeBlob(place, digest),
    list: (after) => listBlobs(place.layout, after),
    quarantine: (digest) => quarantineBlob(place, digest),
  }
}

async function statBlob(place: Place, digest: Digest): Promise<BlobStat | undefined> {
  try {
    const found = await stat(place.layout.blob(digest))
    return found.isFile() ? { size: found.size } : undefined
  } catch (error) {
    if (isMissing(error)) return undefined
    return onDisk('stat', () => Promise.reject(error))
  }
}

async function openBlob(place: Place, digest: Digest, range: ByteRange | undefined): Promise<Readable> {
  const file = await openExisting(place.layout.blob(digest), digest)
  try {
    const { size } = await onDisk('stat', () => file.stat())
    if (range && !containsRange(range, size)) throw new StorageError('range-invalid', { digest, size, ...range })
    const storedFile: StoredFile = { root: place.layout.root, path: place.layout.pathBelowRoot(digest) }
    if (size > 0) {
      return Object.assign(new RecycledStream(file, range ?? { first: 0, last: size - 1 }), { storedFile })
    }
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return Readable.from([], { objectMode: false })
}

async function openExisting(path: string, digest: Digest): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) throw new StorageError('blob-missing', { digest })
    return onDisk('open', () => Promise.reject(error))
  }
}

async function putBlob(place: Place, digest: Digest, size: number, content: Content): Promise<void> {
  const found = await statBlob(place, digest)
  if (found?.size === size) {
    await drain(content, size)
    if (await place.vouch(digest)) return
    // Removed while the content was drained, which therefore has to come once more.
    throw new StorageError('unavailable', { operation: 'put', digest }, { retryable: true })
  }
  const temporary = place.temporary()
  try {
    await writeTemporary(place, temporary, size, content)
    // It is flushed already: the file was closed.
    await place.moveIn(temporary, digest, { step: 'blob', flush: async () => undefined })
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

async function writeTemporary(place: Place, path: string, size: number, content: Content): Promise<void> {
  const file = await onDisk('create', () => open(path, 'wx', 0o644))
  try {
    const { end: written, failure } = await writeContent(file, limited(content, size), {
      offset: 0,
      isDurable: place.isDurable,
    })
    if (failure) throw failure.error
    if (written !== size) throw new StorageError('size-mismatch', { expected: size, actual: written })
    await onDisk('fsync', async () => {
      failpoint('blob.before-fsync')
      if (place.isDurable) await file.datasync()
    })
  } finally {
    await file.close()
  }
}

/** Fails as soon as there is too much, so that a body without end does not fill the disk first. */
async function* limited(content: Content, expected: number): AsyncGenerator<Uint8Array> {
  let actual = 0
  for await (const chunk of content) {
    actual += chunk.byteLength
    if (actual > expected) throw new StorageError('size-mismatch', { expected, actual })
    yield chunk
  }
}

async function drain(content: Content, expected: number): Promise<void> {
  let actual = 0
  for await (const chunk of limited(content, expected)) actual += chunk.byteLength
  if (actual !== expected) throw new StorageError('size-mismatch', { expected, actual })
}

async function removeBlob(place: Place, digest: Digest): Promise<boolean> {
  const path = place.layout.blob(digest)
  try {
    await unlink(path)
  } catch (error) {
    if (isMissing(error)) return false
    return onDisk('unlink', () => Promise.reject(error))
  }
  await place.folders.sync(dirname(path))
  return true
}

async function quarantineBlob(place: Place, digest: Digest): Promise<boolean> {
  const path = place.layout.blob(digest)
  if (!(await statBlob(place, digest))) return false
  const aside = await reserveAside(place, digest)
  try {
    await rename(path, aside)
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {})
    if (isMissing(error)) return false
    return onDisk('rename', () => Promise.reject(error))
  }
  await Promise.all([place.folders.sync(place.layout.quarantine), place.folders.sync(dirname(path))])
  return true
}

/** Takes the first free number by creating the file: a rename onto a name only looked up could replace another's. */
async function reserveAside(place: Place, digest: Digest): Promise<string> {
  for (let n = 0; ; n++) {
    const path = join(place.layout.quarantine, `${hexOf(digest)}.${n}`)
    try {
      await (await open(path, 'wx')).close()
      return path
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') return onDisk('create', () => Promise.reject(error))
    }
  }
}
