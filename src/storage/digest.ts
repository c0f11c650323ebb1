/**
 * Digest: the name of bytes. A branded string that only `parseDigest` makes, so holding one means it is well formed.
 * Grammar: OCI image-spec descriptor.md (v1.1.1+dev), restricted to the algorithms this registry stores.
 */

export const ALGORITHMS = ['blake3', 'sha256', 'sha512'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Hex digits of a digest, by algorithm. */
export const HEX_LENGTH = { blake3: 64, sha256: 64, sha512: 128 } as const satisfies Record<Algorithm, number>

declare const brand: unique symbol
/** `algorithm:hex`, lower case, exact length. */
export type Digest = string & { readonly [brand]: 'Digest' }

const HEX = /^[0-9a-f]+$/

/** Undefined for anything that is not exactly `algorithm:hex` with a known algorithm, lower case and full length. */
export function parseDigest(text: string): Digest | undefined {
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  const algorithm = text.slice(0, colon)
  const hex = text.slice(colon + 1)
  if (!isAlgorithm(algorithm)) return undefined
  if (hex.length !== HEX_LENGTH[algorithm] || !HEX.test(hex)) return undefined
  return text as Digest
}

/** The digest of these raw hash bytes. Throws RangeError when their length does not fit the algorithm. */
export function digestOf(algorithm: Algorithm, hash: Uint8Array): Digest {
  if (hash.length * 2 !== HEX_LENGTH[algorithm])
    throw new RangeError(`${algorithm} has no hash of ${hash.length} bytes`)
  return `${algorithm}:${Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex')}` as Digest
}

export function isAlgorithm(text: string): text is Algorithm {
  return (ALGORITHMS as readonly string[]).includes(text)
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.slice(0, digest.indexOf(':')) as Algorithm
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}
