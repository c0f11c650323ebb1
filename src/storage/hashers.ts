/**
 * The hash functions themselves, one state for each algorithm wanted. BLAKE3 is native where its module loads and
 * `@noble/hashes` elsewhere; SHA-2 is Node's. Runs on the event loop and inside hash workers alike.
 */
import { createHash, hash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { blake3 as NobleBlake3 } from '@noble/hashes/blake3.js'
import { type Algorithm, type Digest, digestOf } from './digest.ts'

/** One running hash. `update` takes any bytes, `digest` ends it. */
export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

interface NativeBlake3 {
  /** Of bytes that are all here, in one call: a state of its own takes three times as long for a small thing. */
  blake3(bytes: Buffer): Buffer
  readonly Blake3Hasher: new () => { update(bytes: Buffer): unknown; digestBuffer(): Buffer }
}

const require = createRequire(import.meta.url)

/** The native module, or undefined where no prebuilt binary fits this platform: slower, never different. */
function loadNativeBlake3(): NativeBlake3 | undefined {
  try {
    return require('@napi-rs/blake-hash') as NativeBlake3
  } catch {
    return undefined
  }
}

const native = loadNativeBlake3()

/** Whether BLAKE3 runs natively in this process. */
export const hasNativeBlake3 = native !== undefined

export function nativeBlake3Hasher(): Hasher {
  if (!native) throw new Error('no native BLAKE3 on this platform')
  const state = new native.Blake3Hasher()
  return {
    update: (bytes) => void state.update(bufferOf(bytes)),
    digest: () => state.digestBuffer(),
  }
}

/** The binding refuses a plain Uint8Array, so the bytes are seen through a Buffer; nothing is copied. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Loaded only where it is needed. */
export function portableBlake3Hasher(): Hasher {
  const { blake3 } = require('@noble/hashes/blake3.js') as { blake3: typeof NobleBlake3 }
  const state = blake3.create()
  return { update: (bytes) => void state.update(bytes), digest: () => state.digest() }
}

export function createHasher(algorithm: Algorithm): Hasher {
  if (algorithm === 'blake3') return native ? nativeBlake3Hasher() : portableBlake3Hasher()
  const state = createHash(algorithm)
  return { update: (bytes) => void state.update(bytes), digest: () => state.digest() }
}

/** The hash of each algorithm over the same bytes. */
export function hashAll(algorithms: readonly Algorithm[], bytes: Uint8Array): ReadonlyMap<Algorithm, Uint8Array> {
  return new Map(algorithms.map((algorithm) => [algorithm, hashOf(algorithm, bytes)]))
}

/** The digest of bytes that are all here. Blocks for their length: meant for manifests and other small things. */
export function digestWith(algorithm: Algorithm, bytes: Uint8Array): Digest {
  return digestOf(algorithm, hashOf(algorithm, bytes))
}

/** The same, as it comes out of the hash. */
export function hashOf(algorithm: Algorithm, bytes: Uint8Array): Uint8Array {
  if (algorithm !== 'blake3') return hash(algorithm, bytes, 'buffer')
  if (native) return native.blake3(bufferOf(bytes))
  const hasher = createHasher(algorithm)
  hasher.update(bytes)
  return hasher.digest()
}
