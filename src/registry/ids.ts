/** Clock, ids and randomness come from here and are injected, so that tests are deterministic. */
import { createHash, randomBytes } from 'node:crypto'

export interface Ids {
  uuid(): string
  random(length: number): Uint8Array
}

const RANDOM_BLOCK = 4096

/** UUIDv7 (RFC 9562 5.7): sorts by time, which keeps indexes dense. */
export function systemIds(clock: () => number): Ids {
  // Drawn from the system in blocks: a call for 16 bytes costs as much as one for thousands, and an event takes several.
  let block = Buffer.alloc(0)
  const random = (length: number): Uint8Array => {
    if (block.length < length) block = randomBytes(Math.max(RANDOM_BLOCK, length))
    const taken = block.subarray(0, length)
    block = block.subarray(length)
    return taken
  }
  return {
    random,
    uuid() {
      const bytes = Buffer.from(random(16))
      bytes.writeUIntBE(clock(), 0, 6)
      return formatUuid(bytes, 7)
    },
  }
}

/** UUIDv8 (RFC 9562 5.8) of the texts: the same texts give the same id on every server (core-rules 19). */
export function derivedUuid(...texts: readonly string[]): string {
  return formatUuid(createHash('sha256').update(JSON.stringify(texts)).digest().subarray(0, 16), 8)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

function formatUuid(bytes: Uint8Array, version: number): string {
  const b = Buffer.from(bytes)
  b[6] = (b[6]! & 0x0f) | (version << 4)
  b[8] = (b[8]! & 0x3f) | 0x80
  const hex = b.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
