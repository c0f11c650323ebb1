/**
 * Public keys that somebody trusts, read from PEM. A key has a name, which verdicts show, and a hint, by which a bundle
 * says what it was made with. What cannot be a key that signatures are checked with is refused here, with the reason.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

export interface TrustedKey {
  readonly name: string
  /** As cosign and sigstore-go write it: base64 of the SHA-256 of the key's DER (SubjectPublicKeyInfo). */
  readonly hint: string
  readonly key: KeyObject
  /** What signatures by this key are hashed with, in the order of likelihood; null: the key does that itself. */
  readonly hashes: readonly (string | null)[]
  /** `@sigstore/verify` hashes with SHA-256 whatever the key is, so that it cannot check these (ADR 0013). */
  readonly isBeyondSdk: boolean
}

/** `problem` is half a sentence, to follow what names the file. */
export class TrustedKeyError extends Error {
  override readonly name = 'TrustedKeyError'
  readonly problem: string

  constructor(problem: string) {
    super(`the key ${problem}`)
    this.problem = problem
  }
}

const KEY_FILE_LIMIT = 64 * 1024
const RSA_LEAST_BITS = 2048
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[A-Za-z0-9+/=\s:,-]*?-----END \1-----/g

/**
 * All keys of a PEM file, in its order. Of several, the second is `name#2`, and so on. Throws `TrustedKeyError`: also for
 * a private key, which has no business where signatures are only checked.
 */
export function readTrustedKeys(pem: Uint8Array, name: string): readonly TrustedKey[] {
  if (pem.length > KEY_FILE_LIMIT) throw new TrustedKeyError(`is larger than ${KEY_FILE_LIMIT} bytes; give a PEM file`)
  const blocks = [...Buffer.from(pem).toString('latin1').matchAll(BLOCK)]
  if (blocks.length === 0) {
    throw new TrustedKeyError('holds no PEM block; give a public key that starts with -----BEGIN PUBLIC KEY-----')
  }
  return blocks.map(([block, label], index) => trustedKey(block, label!, index === 0 ? name : `${name}#${index + 1}`))
}

function trustedKey(block: string, label: string, name: string): TrustedKey {
  if (label.includes('PRIVATE')) {
    throw new TrustedKeyError('is a private key; give the public one (cosign.pub) and keep this file where it signs')
  }
  if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY') {
    throw new TrustedKeyError(`is a PEM block '${label}'; give one that starts with -----BEGIN PUBLIC KEY-----`)
  }
  let key: KeyObject
  try {
    key = createPublicKey(block)
  } catch (cause) {
    throw new TrustedKeyError(`cannot be read as a public key (${(cause as Error).message})`)
  }
  const hint = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  return { name, hint, key, ...usageOf(key) }
}

function usageOf(key: KeyObject): Pick<TrustedKey, 'hashes' | 'isBeyondSdk'> {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key
  if (type === 'ed25519') return { hashes: [null], isBeyondSdk: true }
  if (type === 'ec' && details.namedCurve === 'prime256v1') return { hashes: ['sha256'], isBeyondSdk: false }
  // cosign signs with SHA-384, and before 2.4 did with SHA-256.
  if (type === 'ec' && details.namedCurve === 'secp384r1') return { hashes: ['sha384', 'sha256'], isBeyondSdk: true }
  if (type === 'rsa') {
    if ((details.modulusLength ?? 0) >= RSA_LEAST_BITS) return { hashes: ['sha256'], isBeyondSdk: false }
    throw new TrustedKeyError(`has ${details.modulusLength} bits; RSA keys have ${RSA_LEAST_BITS} or more`)
  }
  const found = details.namedCurve ?? type ?? 'unknown'
  throw new TrustedKeyError(`is of the kind ${found}; use ECDSA P-256 or P-384, RSA or Ed25519`)
}

/** Whether the key made this signature over this message. False also for what is no signature at all. */
export function verifiesWith({ key, hashes }: TrustedKey, message: Uint8Array, signature: Uint8Array): boolean {
  return hashes.some((hash) => {
    try {
      return verify(hash, message, key, signature)
    } catch {
      return false
    }
  })
}
