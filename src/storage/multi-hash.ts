/**
 * One pass over the bytes, every digest the registry needs: BLAKE3 (the canonical address) and SHA-256 always, SHA-512
 * when a client names it.
 */
import type { Content } from './blob-store.ts'
import { type Algorithm, type Digest, digestOf } from './digest.ts'
import { createHasher, digestWith, type Hasher } from './hashers.ts'

/** What a body hashes to, and how long it is in bytes. */
export interface Digests {
  readonly blake3: Digest
  readonly sha256: Digest
  /** Only when it was asked for. */
  readonly sha512?: Digest
  readonly size: number
}

export interface MultiHash {
  /** Takes the next bytes, which may be reused at once. A promise means: wait for it before the next call. */
  update(chunk: Uint8Array): void | Promise<void>
  /** The digests of all bytes so far; ends the hash. */
  finish(): Promise<Digests>
  /** Gives up and frees what the hash holds. Harmless after `finish`, and repeatable. */
  abandon(): void
}

export interface MultiHashOptions {
  /** Also compute SHA-512, at about half the speed of SHA-256. */
  readonly sha512?: boolean
}

export function createMultiHash(options: MultiHashOptions = {}): MultiHash {
  const hashers = hashersFor(options)
  let size = 0
  return {
    update(chunk) {
      size += chunk.byteLength
      for (const hasher of hashers.values()) hasher.update(chunk)
    },
    finish: async () => digestsOf(hashers, size),
    abandon() {},
  }
}

/**
 * Passes `content` through unchanged while hashing it. Call `finish` on the hash after the last chunk; where the
 * content fails or the reader stops early, the hash is abandoned.
 */
export async function* hashContent(content: Content, multiHash: MultiHash): AsyncGenerator<Uint8Array> {
  let ended = false
  try {
    for await (const chunk of content) {
      const pressure = multiHash.update(chunk)
      if (pressure) await pressure
      yield chunk
    }
    ended = true
  } finally {
    if (!ended) multiHash.abandon()
  }
}

/** Every digest of bytes that are all here. Blocks for their length: meant for manifests and other small things. */
export function digestBytes(bytes: Uint8Array, options: MultiHashOptions = {}): Digests {
  const hashers = hashersFor(options)
  for (const hasher of hashers.values()) hasher.update(bytes)
  return digestsOf(hashers, bytes.byteLength)
}

export { digestWith }

type Hashers = ReadonlyMap<Algorithm, Hasher>

function hashersFor(options: MultiHashOptions): Hashers {
  const algorithms: Algorithm[] = options.sha512 ? ['blake3', 'sha256', 'sha512'] : ['blake3', 'sha256']
  return new Map(algorithms.map((algorithm) => [algorithm, createHasher(algorithm)]))
}

function digestsOf(hashers: Hashers, size: number): Digests {
  const digest = (algorithm: Algorithm) => digestOf(algorithm, hashers.get(algorithm)!.digest())
  const always = { blake3: digest('blake3'), sha256: digest('sha256'), size }
  return hashers.has('sha512') ? { ...always, sha512: digest('sha512') } : always
}
