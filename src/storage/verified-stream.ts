/**
 * Content that proves itself: passes bytes through and fails at the end when their number or their digest is not the
 * announced one. Applied once on the way in and once when stored bytes are verified; backends do not hash.
 */
import { Duplex } from 'node:stream'
import type { Content } from './blob-store.ts'
import { algorithmOf, type Digest } from './digest.ts'
import { StorageError } from './errors.ts'
import { createMultiHash, type Digests } from './multi-hash.ts'

export interface Expectation {
  /** Bytes. */
  readonly size?: number
  readonly digest?: Digest
}

/**
 * Yields `content`, then throws `size-mismatch` or `digest-mismatch` unless it was what was expected. Too many bytes
 * fail at once, before the excess is yielded. A receiver must therefore treat what it got as nothing until the end.
 */
export async function* verified(content: Content, expected: Expectation): AsyncGenerator<Uint8Array> {
  const hash = expected.digest && createMultiHash({ sha512: algorithmOf(expected.digest) === 'sha512' })
  let size = 0
  try {
    for await (const chunk of content) {
      size += chunk.byteLength
      if (expected.size !== undefined && size > expected.size) throw sizeMismatch(expected.size, size)
      const pressure = hash?.update(chunk)
      if (pressure) await pressure
      yield chunk
    }
    if (expected.size !== undefined && size < expected.size) throw sizeMismatch(expected.size, size)
    if (hash) requireDigest(await hash.finish(), expected.digest!)
  } finally {
    hash?.abandon()
  }
}

/** The same as a stream, for `pipeline`. */
export function verifiedStream(expected: Expectation): Duplex {
  return Duplex.from((content: Content) => verified(content, expected))
}

function requireDigest(digests: Digests, expected: Digest): void {
  const actual = digests[algorithmOf(expected)]
  if (actual !== expected) throw new StorageError('digest-mismatch', { expected, actual })
}

function sizeMismatch(expected: number, actual: number): StorageError {
  return new StorageError('size-mismatch', { expected, actual })
}
