/**
 * Content into an open file, in large writes. While one write is under way the next one fills, so receiving and writing
 * overlap; never more than one is in flight, so memory stays at two batches whatever the size of the body.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Content } from '../blob-store.ts'
import { onDisk } from './fault.ts'

/** Bytes of one write. Measured (bench/hash-threshold.ts): larger ones gain nothing, smaller ones cost turns. */
export const WRITE_BYTES = 1024 * 1024
/** Chunks of one write at most: a body that drips single bytes must not pin a socket buffer for each of them. */
const WRITE_CHUNKS = 512

export interface WriteOptions {
  /** Where in the file the first byte goes. */
  readonly offset: number
  /** Called with the number of bytes written so far, after each write. */
  readonly onWritten?: (end: number) => void
}

/**
 * Writes all of `content` and returns the offset after its last byte. Throws what the content throws, after what
 * arrived before is written; throws StorageError on a failing disk.
 */
export async function writeContent(file: FileHandle, content: Content, options: WriteOptions): Promise<number> {
  let end = options.offset
  let batch: Uint8Array[] = []
  let batched = 0
  let writing: Promise<void> = Promise.resolve()

  const flush = async (): Promise<void> => {
    await writing
    if (batched === 0) return
    const at = end
    end += batched
    writing = onDisk('write', () => writeAll(file, batch, at)).then(() => options.onWritten?.(end))
    // A failure is thrown by the next `await writing`; until then it must not count as unhandled.
    writing.catch(() => {})
    batch = []
    batched = 0
  }

  try {
    for await (const chunk of content) {
      if (chunk.byteLength === 0) continue
      batch.push(chunk)
      batched += chunk.byteLength
      if (batched >= WRITE_BYTES || batch.length >= WRITE_CHUNKS) await flush()
    }
  } finally {
    await flush()
    await writing
  }
  return end
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
