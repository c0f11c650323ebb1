/**
 * One pass over the bytes, every digest the registry needs: BLAKE3 (the canonical address) and SHA-256 always, SHA-512
 * when a client names it. Small bodies are hashed on the event loop, large ones on threads beside it.
 */
import type { Content } from './blob-store.ts'
import { type Algorithm, type Digest, digestOf } from './digest.ts'
import { hashAll, hasNativeBlake3 } from './hashers.ts'
import { ThreadedHash } from './threaded-hash.ts'

/** What a body hashes to, and how long it is in bytes. */
export interface Digests {
  readonly blake3: Digest
  readonly sha256: Digest
  /** Only when it was asked for. */
  readonly sha512?: Digest
  readonly size: number
}

export interface MultiHash {
  /**
   * Takes the next bytes. A promise means: wait for it before the next call, and leave the bytes as they are until
   * then; without one they may be reused at once. Throws or rejects when the hash cannot go on.
   */
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

/**
 * Bodies up to this many bytes are hashed on the event loop when they end. Measured by bench/hash-threshold.ts.
 * Without native BLAKE3 the loop would stand still ten times as long for the same bytes.
 */
export const INLINE_BYTES = hasNativeBlake3 ? 256 * 1024 : 32 * 1024

const FIRST_BUFFER_BYTES = 8 * 1024

export function createMultiHash(options: MultiHashOptions = {}): MultiHash {
  return new GrowingHash(algorithmsFor(options))
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
  return digestsOf(hashAll(algorithmsFor(options), bytes), bytes.byteLength)
}

/** Keeps the bytes until it is clear whether they are few; a running hash cannot move from one thread to another. */
class GrowingHash implements MultiHash {
  readonly #algorithms: readonly Algorithm[]
  #size = 0
  #small: Buffer = Buffer.alloc(0)
  #large: ThreadedHash | undefined
  #hasEnded = false

  constructor(algorithms: readonly Algorithm[]) {
    this.#algorithms = algorithms
  }

  update(chunk: Uint8Array): void | Promise<void> {
    if (this.#hasEnded) throw new Error('the hash has ended')
    const before = this.#size
    this.#size += chunk.byteLength
    if (this.#large) return this.#large.update(chunk)
    if (this.#size <= INLINE_BYTES) return this.#keep(chunk, before)
    const large = new ThreadedHash(this.#algorithms)
    this.#large = large
    const pressure = large.update(this.#small.subarray(0, before))
    this.#small = Buffer.alloc(0)
    return pressure ? pressure.then(() => large.update(chunk)) : large.update(chunk)
  }

  async finish(): Promise<Digests> {
    if (this.#hasEnded) throw new Error('the hash has ended')
    this.#hasEnded = true
    const hashes = this.#large
      ? await this.#large.finish()
      : hashAll(this.#algorithms, this.#small.subarray(0, this.#size))
    return digestsOf(hashes, this.#size)
  }

  abandon(): void {
    this.#hasEnded = true
    this.#large?.abandon()
    this.#small = Buffer.alloc(0)
  }

  #keep(chunk: Uint8Array, at: number): void {
    if (this.#small.length < this.#size) {
      const grown = Buffer.allocUnsafe(Math.min(INLINE_BYTES, Math.max(FIRST_BUFFER_BYTES, this.#size * 2)))
      grown.set(this.#small.subarray(0, at))
      this.#small = grown
    }
    this.#small.set(chunk, at)
  }
}

function algorithmsFor(options: MultiHashOptions): readonly Algorithm[] {
  // The slowest first: where there are few threads, the last ones share one.
  return options.sha512 ? ['sha512', 'sha256', 'blake3'] : ['sha256', 'blake3']
}

function digestsOf(hashes: ReadonlyMap<Algorithm, Uint8Array>, size: number): Digests {
  const digest = (algorithm: Algorithm) => digestOf(algorithm, hashes.get(algorithm)!)
  const always = { blake3: digest('blake3'), sha256: digest('sha256'), size }
  return hashes.has('sha512') ? { ...always, sha512: digest('sha512') } : always
}
