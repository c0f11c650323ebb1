/**
 * Content into an open file, in large writes. While one write is under way the next one fills, so receiving and writing
 * overlap; never more than one is in flight, so memory stays at two batches whatever the size of the body.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Content } from '../blob-store.ts'
import type { StorageError } from '../errors.ts'
import { storageFault } from './fault.ts'

/** Bytes of one write. Larger ones gain nothing (bench/hash-threshold.ts), smaller ones cost turns of the loop. */
const WRITE_BYTES = 1024 * 1024
/** Chunks of one write at most: a body that drips single bytes must not pin a socket buffer for each of them. */
const WRITE_CHUNKS = 512
/**
 * Bytes after which what is written is sent to the disk while more comes in. Without it the disk idles until the end,
 * and the last fsync takes a third of the whole time: 105 of 340 ms for 256 MiB.
 */
const FLUSH_BYTES = 32 * 1024 * 1024

export interface WriteOptions {
  /** Where in the file the first byte goes. */
  readonly offset: number
  /** Whether the bytes will be flushed, and flushing early therefore pays. The last flush is the caller's. */
  readonly isDurable: boolean
}

export interface Written {
  /** The offset after the last byte. */
  readonly end: number
  /** What the content threw; everything before it is written. */
  readonly failure?: { readonly error: unknown }
}

/** Writes all of `content`. Throws only what the disk did wrong, as StorageError with operation `write` or `fsync`. */
export async function writeContent(file: FileHandle, content: Content, options: WriteOptions): Promise<Written> {
  const writer = new BatchWriter(file, options)
  try {
    for await (const chunk of content) {
      const full = writer.add(chunk)
      if (full) await full
    }
  } catch (error) {
    const end = await writer.end()
    return { end, failure: { error } }
  }
  return { end: await writer.end() }
}

class BatchWriter {
  readonly #file: FileHandle
  readonly #isDurable: boolean
  #end: number
  #batch: Uint8Array[] = []
  #batched = 0
  #unflushed = 0
  #writing: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  /** The first thing that went wrong. A fault is final: the file is not written to any more. */
  #fault: StorageError | undefined

  constructor(file: FileHandle, { offset, isDurable }: WriteOptions) {
    this.#file = file
    this.#end = offset
    this.#isDurable = isDurable
  }

  /** Takes a chunk; a promise means that the batch is full and rejects when the disk fails. */
  add(chunk: Uint8Array): Promise<void> | undefined {
    if (chunk.byteLength > 0) this.#batch.push(chunk)
    this.#batched += chunk.byteLength
    if (this.#batched >= WRITE_BYTES || this.#batch.length >= WRITE_CHUNKS) return this.#startWrite()
  }

  /** Writes the rest and waits for all that is under way. Throws the first fault. */
  async end(): Promise<number> {
    if (!this.#fault) await this.#startWrite().catch(() => {})
    await this.#writing
    // Also after a fault: the file must not be closed under a running fsync.
    await this.#flushing
    if (this.#fault) throw this.#fault
    return this.#end
  }

  async #startWrite(): Promise<void> {
    await this.#writing
    if (this.#fault) throw this.#fault
    const batch = this.#batch
    this.#batch = []
    this.#unflushed += this.#batched
    this.#writing = writeAll(this.#file, batch, this.#end).catch((error) => this.#fail('write', error))
    this.#end += this.#batched
    this.#batched = 0
    if (this.#isDurable && this.#unflushed >= FLUSH_BYTES && !this.#flushing) this.#startFlush()
  }

  /** A failure of this fsync is the only report of it that there will be: the next one would say yes. */
  #startFlush(): void {
    this.#unflushed = 0
    this.#flushing = this.#file
      .datasync()
      .catch((error: unknown) => this.#fail('fsync', error))
      .finally(() => {
        this.#flushing = undefined
      })
  }

  #fail(operation: 'write' | 'fsync', error: unknown): void {
    this.#fault ??= storageFault(operation, error)
  }
}

/** A write may take fewer bytes than given, for instance just before the disk is full. */
async function writeAll(file: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let rest = chunks
  let at = position
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at)
    if (bytesWritten === 0) throw Object.assign(new Error('the disk took no bytes'), { code: 'EIO' })
    at += bytesWritten
    rest = without(rest, bytesWritten)
  }
}

function without(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  const rest: Uint8Array[] = []
  for (const chunk of chunks) {
    if (left >= chunk.byteLength) left -= chunk.byteLength
    else {
      rest.push(left > 0 ? chunk.subarray(left) : chunk)
      left = 0
    }
  }
  return rest
}
