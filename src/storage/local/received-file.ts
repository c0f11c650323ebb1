/**
 * Bytes that come in one go: one temporary file, held open from the first byte until it is renamed to its address. An upload
 * that can be gone on with is opened, looked at and closed for each step; this is most of what is pushed.
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import type { Content } from '../blob-store.ts'
import type { Digest } from '../digest.ts'
import { StorageError } from '../errors.ts'
import { failpoint } from '../failpoint.ts'
import type { Received } from '../upload-store.ts'
import { onDisk } from './fault.ts'
import { writeContent } from './file-writer.ts'
import type { Place } from './place.ts'

export async function receiveFile(place: Place, content: Content): Promise<Received> {
  const path = place.temporary()
  const file = await onDisk('create', () => open(path, 'wx', 0o644))
  const received = new ReceivedFile(place, { path, file })
  try {
    await received.write(content)
    return received
  } catch (error) {
    await received.discard()
    throw error
  }
}

class ReceivedFile implements Received {
  readonly #place: Place
  readonly #path: string
  readonly #file: FileHandle
  #size = 0
  #isOver = false

  constructor(place: Place, { path, file }: { path: string; file: FileHandle }) {
    this.#place = place
    this.#path = path
    this.#file = file
  }

  async write(content: Content): Promise<void> {
    await onDisk('write', async () => failpoint('upload.before-write'))
    const { isDurable } = this.#place
    const { end, failure } = await writeContent(this.#file, content, { offset: 0, isDurable })
    await onDisk('write', async () => failpoint('upload.after-write'))
    if (failure) throw failure.error
    this.#size = end
  }

  async commit(digest: Digest, size: number): Promise<void> {
    const actual = this.#size
    if (actual !== size) throw new StorageError('size-mismatch', { expected: size, actual })
    if ((await this.#place.holds(digest, size)) && (await this.#place.vouch(digest))) return this.discard()
    await this.#place.moveIn(this.#path, digest, { step: 'upload', flush: () => this.#flush() })
    await this.#close()
    await onDisk('commit', async () => failpoint('upload.after-commit'))
  }

  /** Never fails: what stays is removed by the next start. */
  async discard(): Promise<void> {
    if (this.#isOver) return
    await this.#close()
    await rm(this.#path, { force: true }).catch(() => undefined)
  }

  async #flush(): Promise<void> {
    await onDisk('fsync', async () => {
      failpoint('upload.before-fsync')
      if (this.#place.isDurable) await this.#file.datasync()
    })
  }

  async #close(): Promise<void> {
    this.#isOver = true
    await this.#file.close()
  }
}
