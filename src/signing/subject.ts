/** What a signature must be about: the bytes of an OCI manifest, under every digest that a signer may have named. */
import { createHash } from 'node:crypto'

const ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const

export interface SignedSubject {
  readonly bytes: Uint8Array
  /** Lower-case hex by algorithm. */
  readonly digests: ReadonlyMap<string, string>
}

/** Computed here and from nothing but the bytes, so that nobody's word for a digest is taken. */
export function subjectOf(manifest: Uint8Array): SignedSubject {
  const digests = ALGORITHMS.map((name) => [name, createHash(name).update(manifest).digest('hex')] as const)
  return { bytes: manifest, digests: new Map(digests) }
}

/** `sha256:<hex>`, for sentences. */
export function shownDigest(subject: SignedSubject): string {
  return `sha256:${subject.digests.get('sha256')}`
}
