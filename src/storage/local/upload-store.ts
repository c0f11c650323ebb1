/**
 * Uploads as files, whose length is their offset: nothing else needs to be kept to go on after a restart. A commit is a
 * rename on the same file system.
 */
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Content } from '../blob-store.ts'
import type { Digest } from '../digest.ts'
import { StorageError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import { isUploadId, requireUploadId } from '../upload-id.ts'
import type { UploadStat, UploadStore } from '../upload-store.ts'
import { isMissing, onDisk } from './fault.ts'
import { type Written, writeContent } from './file-writer.ts'
import type { Place } from './place.ts'
import { receiveFile } from './received-file.ts'

const READ_BYTES = 1024 * 1024

export function localUploads(place: Place): UploadStore {
  return {
    receive: (content) => receiveFile(place, content),
    create: (id) => createUpload(place, id),
    append: (id, offset, content, options) => append(place, { id, offset, ends: options?.ends ?? false }, content),
    size: async (id) => (await statUpload(place, id))?.size,
    read: (id) => readUpload(place, id),
    commit: (id, digest, size) => commit(place, { id, digest, size }),
    discard: (id) => discard(place, id),
    list: () => listUploads(place),
  }
}

function pathOf(place: Place, id: string): string {
  requireUploadId(id)
  return join(place.layout.uploads, id)
}

/** Not flushed: an empty upload holds nothing that was promised, and the first append flushes the entry with the bytes. */
async function createUpload(place: Place, id: string): Promise<void> {
  const path = pathOf(place, id)
  await onDisk('create', async () => (await open(path, 'a', 0o644)).close())
}

async function statUpload(place: Place, id: string): Promise<UploadStat | undefined> {
  const path = pathOf(place, id)
  try {
    const found = await stat(path)
    if (!found.isFile()) return undefined
    return { id, size: found.size, modifiedAt: Math.floor(found.mtimeMs) }
  } catch (error) {
    if (isMissing(error)) return undefined
    return onDisk('stat', () => Promise.reject(error))
  }
}

async function openUpload(path: string, id: string, flags: 'r' | 'r+'): Promise<FileHandle> {
  try {
    return await open(path, flags)
  } catch (error) {
    if (isMissing(error)) throw new StorageError('upload-missing', { id })
    return onDisk('open', () => Promise.reject(error))
  }
}

interface Append {
  readonly id: string
  readonly offset: number
  readonly ends: boolean
}

async function append(place: Place, request: Append, content: Content): Promise<number> {
  const path = pathOf(place, request.id)
  const file = await openUpload(path, request.id, 'r+')
  try {
    await startAt(file, request)
    return await receive(place, file, request, content)
  } finally {
    await file.close()
  }
}

async function startAt(file: FileHandle, { id, offset }: Append): Promise<void> {
  const { size } = await onDisk('stat', () => file.stat())
  if (offset > size) throw new StorageError('offset-mismatch', { id, offset, size })
  await onDisk('write', async () => {
    failpoint('upload.before-write')
    if (offset < size) await file.truncate(offset)
  })
}

async function receive(place: Place, file: FileHandle, request: Append, content: Content): Promise<number> {
  const { end, failure } = await write(place, file, request, content)
  // What the content brought before it failed stays, so that the client can go on from there.
  if (failure || !request.ends) await flush(place, file, request.id)
  if (failure) throw failure.error
  return end
}

async function write(place: Place, file: FileHandle, request: Append, content: Content): Promise<Written> {
  const { id, offset } = request
  try {
    const written = await writeContent(file, content, { offset, isDurable: place.isDurable })
    await onDisk('write', async () => failpoint('upload.after-write'))
    return written
  } catch (error) {
    if ((error as StorageError).detail.operation === 'fsync') await drop(place, id)
    // A full disk needs most that the bytes nobody was told of are given back.
    else await file.truncate(offset).catch(() => {})
    throw error
  }
}

/**
 * After a failed fsync: the kernel drops pages it could not write and reports that once, so no later fsync of this file
 * can be believed.
 */
async function drop(place: Place, id: string): Promise<void> {
  await unlink(pathOf(place, id)).catch(() => {})
}

/** The bytes, and the folder entry without which nobody finds them. */
async function flush(place: Place, file: FileHandle, id: string): Promise<void> {
  await flushFile(place, file, id)
  await place.folders.sync(place.layout.uploads)
}

async function flushFile(place: Place, file: FileHandle, id: string): Promise<void> {
  try {
    await onDisk('fsync', async () => {
      failpoint('upload.before-fsync')
      if (place.isDurable) await file.datasync()
    })
  } catch (error) {
    await drop(place, id)
    throw error
  }
}

/** Opens nothing until it is read, so a reader that never begins leaks nothing. */
async function readUpload(place: Place, id: string): Promise<Content> {
  if (!(await statUpload(place, id))) throw new StorageError('upload-missing', { id })
  return readChunks(pathOf(place, id), id)
}

async function* readChunks(path: string, id: string): AsyncGenerator<Uint8Array> {
  const file = await openUpload(path, id, 'r')
  try {
    for (;;) {
      const { bytesRead, buffer } = await onDisk('read', () => file.read(Buffer.allocUnsafe(READ_BYTES)))
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

interface Commit {
  readonly id: string
  readonly digest: Digest
  readonly size: number
}

async function commit(place: Place, request: Commit): Promise<void> {
  const path = pathOf(place, request.id)
  const file = await openUpload(path, request.id, 'r+')
  try {
    const { size } = await onDisk('stat', () => file.stat())
    if (size !== request.size)
      throw new StorageError('size-mismatch', { id: request.id, expected: request.size, actual: size })
    if ((await place.holds(request.digest, size)) && (await place.vouch(request.digest))) {
      await discard(place, request.id)
      return
    }
    const flush = () => flushFile(place, file, request.id)
    await place.moveIn(path, request.digest, { step: 'upload', flush })
  } finally {
    await file.close()
  }
  await onDisk('commit', async () => failpoint('upload.after-commit'))
}

async function discard(place: Place, id: string): Promise<boolean> {
  const path = pathOf(place, id)
  try {
    await unlink(path)
  } catch (error) {
    if (isMissing(error)) return false
    return onDisk('unlink', () => Promise.reject(error))
  }
  await place.folders.sync(place.layout.uploads)
  return true
}

async function* listUploads(place: Place): AsyncGenerator<UploadStat> {
  for (const name of (await onDisk('readdir', () => readdir(place.layout.uploads))).sort()) {
    const found = isUploadId(name) ? await statUpload(place, name) : undefined
    if (found) yield found
  }
}
