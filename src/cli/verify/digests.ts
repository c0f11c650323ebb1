/** Digests computed here, from bytes that were received or read: what is checked is never what somebody said. */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { blake3 as NobleBlake3 } from '@noble/hashes/blake3.js'

interface Running {
  update(bytes: Uint8Array): void
  hex(): string
}

const require = createRequire(import.meta.url)
const SHA = ['sha256', 'sha384', 'sha512']

/** Whether a digest can be checked here at all. */
export function isCheckable(digest: string): boolean {
  const algorithm = digest.slice(0, digest.indexOf(':'))
  return SHA.includes(algorithm) || algorithm === 'blake3'
}

/** One pass, all the digests that are expected. */
export class Digester {
  readonly #running: ReadonlyMap<string, Running>
  size = 0

  /** Throws for a digest that is not checkable. */
  constructor(expected: readonly string[]) {
    const algorithms = new Set(expected.map((digest) => digest.slice(0, digest.indexOf(':'))))
    this.#running = new Map([...algorithms].map((algorithm) => [algorithm, start(algorithm)]))
  }

  update(bytes: Uint8Array): void {
    this.size += bytes.length
    for (const each of this.#running.values()) each.update(bytes)
  }

  /** `algorithm:hex` each; ends the pass. */
  digests(): readonly string[] {
    return [...this.#running].map(([algorithm, running]) => `${algorithm}:${running.hex()}`)
  }
}

export function digestOf(algorithm: string, bytes: Uint8Array): string {
  const digester = new Digester([`${algorithm}:`])
  digester.update(bytes)
  return digester.digests()[0]!
}

function start(algorithm: string): Running {
  if (algorithm === 'blake3') return startBlake3()
  const hash = createHash(algorithm)
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') }
}

/** The native module where this platform has one: the portable one is a hundred times slower, never different. */
function startBlake3(): Running {
  try {
    const { Blake3Hasher } = require('@napi-rs/blake-hash') as {
      Blake3Hasher: new () => { update(bytes: Buffer): unknown; digestBuffer(): Buffer }
    }
    const state = new Blake3Hasher()
    return {
      update: (bytes) => void state.update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      hex: () => state.digestBuffer().toString('hex'),
    }
  } catch {
    const { blake3 } = require('@noble/hashes/blake3.js') as { blake3: typeof NobleBlake3 }
    const state = blake3.create()
    return { update: (bytes) => void state.update(bytes), hex: () => Buffer.from(state.digest()).toString('hex') }
  }
}
