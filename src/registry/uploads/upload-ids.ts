/**
 * Upload ids that prove themselves: an upload without bytes needs no row (core-rules 18).
 *
 *   base64url( random 16 | expiry in seconds 5 | algorithm 1 | HMAC-SHA256(secret, those 22 bytes, scope, actor) 16 )
 *
 * An id is valid only in its repository and for its identity: the scope and the actor are part of what is authenticated.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { ALGORITHMS, type Algorithm } from '../../storage/index.ts'

export interface UploadFacts {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly algorithm: Algorithm
}

export interface UploadScope {
  readonly repository?: string
  readonly actor: string
}

const FACTS_BYTES = 22
const MAC_BYTES = 16

export function issueUploadId(
  secret: KeyObject,
  random: Uint8Array,
  { repository, actor }: UploadScope,
  facts: UploadFacts,
): string {
  const bytes = Buffer.alloc(FACTS_BYTES)
  bytes.set(random.subarray(0, 16), 0)
  bytes.writeUIntBE(Math.floor(facts.expiresAt / 1_000), 16, 5)
  bytes[21] = ALGORITHMS.indexOf(facts.algorithm)
  return Buffer.concat([bytes, mac(secret, bytes, repository, actor)]).toString('base64url')
}

/** Undefined for an id that was not issued for this scope, or that has expired. */
export function readUploadId(secret: KeyObject, id: string, scope: UploadScope, now: number): UploadFacts | undefined {
  const all = Buffer.from(id, 'base64url')
  if (all.length !== FACTS_BYTES + MAC_BYTES || all.toString('base64url') !== id) return undefined
  const bytes = all.subarray(0, FACTS_BYTES)
  if (!timingSafeEqual(all.subarray(FACTS_BYTES), mac(secret, bytes, scope.repository, scope.actor))) return undefined
  const expiresAt = bytes.readUIntBE(16, 5) * 1_000
  if (expiresAt <= now) return undefined
  return { expiresAt, algorithm: ALGORITHMS[bytes[21]!]! }
}

function mac(secret: KeyObject, bytes: Uint8Array, repository: string | undefined, actor: string): Buffer {
  const scope = JSON.stringify([repository ?? null, actor])
  return createHmac('sha256', secret).update(bytes).update(scope).digest().subarray(0, MAC_BYTES)
}
