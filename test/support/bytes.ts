/** Bodies for tests: deterministic bytes, cut in chosen ways, and contents that fail or count. */
import { buffer } from 'node:stream/consumers'
import { type Content, type Digest, digestBytes } from '../../src/storage/index.ts'

/** `size` bytes that look random and are the same for the same seed (xorshift32). */
export function bytesOf(size: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = (seed * 0x9e3779b1) >>> 0 || 1
  for (let n = 0; n < words.length; n++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[n] = state
  }
  return Buffer.from(words.buffer, 0, size)
}

/** The canonical address of the bytes. */
export function addressOf(bytes: Uint8Array): Digest {
  return digestBytes(bytes).blake3
}

export function* slicesOf(bytes: Uint8Array, chunk = 64 * 1024): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += chunk) yield bytes.subarray(at, at + chunk)
}

/** The bytes as a body that arrives in chunks. */
export async function* contentOf(bytes: Uint8Array, chunk?: number): AsyncGenerator<Uint8Array> {
  yield* slicesOf(bytes, chunk)
}

/** A body whose sender hangs up after these bytes. */
export async function* failingAfter(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield* slicesOf(bytes)
  throw error
}

/** A body that tells how far it was read and whether its reader let it go. */
export function watched(bytes: Uint8Array, chunk = 64 * 1024): Content & { read: number; isClosed: boolean } {
  const content = {
    read: 0,
    isClosed: false,
    async *[Symbol.asyncIterator]() {
      try {
        for (const slice of slicesOf(bytes, chunk)) {
          content.read += slice.byteLength
          yield slice
        }
      } finally {
        content.isClosed = true
      }
    },
  }
  return content
}

export async function readAll(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return buffer(content)
}

export async function toArray<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}
