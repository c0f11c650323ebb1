/**
 * Sigstore bundles v0.1 to v0.3 (cosign 3), read and checked with the project's own library. With a key there is neither a
 * certificate nor a need for a log or a clock, so all of its thresholds are 0, and what a bundle brings of transparency log
 * and timestamps is set aside unchecked: it can neither help nor harm (ADR 0013).
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type * as BundleLibrary from '@sigstore/bundle'
import type { Bundle } from '@sigstore/bundle'
import type * as VerifyLibrary from '@sigstore/verify'
import { preAuthEncoding } from './dsse.ts'
import { kindOfPredicate, readStatement, requireSubject } from './in-toto.ts'
import { isObject, type JsonObject, member, readObject, textMember } from './one-reading.ts'
import { quoted, refuse } from './refusal.ts'
import { KEYLESS } from './simple-signing.ts'
import { type SignedSubject, shownDigest } from './subject.ts'
import { type TrustedKey, verifiesWith } from './trusted-keys.ts'
import { type Claim, type Verdict, verdictByKeys } from './verdict.ts'

// Loaded with the first bundle: 60 ms and 10 MB that neither an idle server nor most commands should pay.
const require = createRequire(import.meta.url)
const bundles = (): typeof BundleLibrary => require('@sigstore/bundle') as typeof BundleLibrary
const verifying = (): typeof VerifyLibrary => require('@sigstore/verify') as typeof VerifyLibrary

export const BUNDLE_MEDIA_TYPES: readonly string[] = [
  'application/vnd.dev.sigstore.bundle.v0.3+json',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
]

/** The numbers of protobuf-specs' HashAlgorithm. */
const HASHES: Readonly<Record<number, string>> = { 1: 'sha256', 2: 'sha384', 3: 'sha512' }

interface Against {
  readonly subject: SignedSubject
  readonly keys: readonly TrustedKey[]
}

export function checkBundle(layer: Uint8Array, against: Against): Verdict {
  const bundle = readBundle(layer)
  const signed = signedBy(bundle, against.subject)
  const material = bundle.verificationMaterial.content
  if (material.$case !== 'publicKey') return { verdict: 'unknown-key', ...signed.claim, reason: KEYLESS }
  const { hint } = material.publicKey
  if (signed.keyId !== '' && hint !== '' && signed.keyId !== hint) {
    refuse(`the bundle names the key ${quoted(hint)}, its envelope ${quoted(signed.keyId)}`)
  }
  return verdictByKeys(signed.claim, {
    keys: against.keys,
    hint: hint || signed.keyId,
    isMadeBy: (key) =>
      key.isBeyondSdk ? verifiesWith(key, signed.message, signed.signature) : verifies(bundle, key, against),
  })
}

function readBundle(layer: Uint8Array): Bundle {
  const object = readObject(layer, 'the bundle')
  const mediaType = textMember(object, 'mediaType') ?? ''
  if (!BUNDLE_MEDIA_TYPES.includes(mediaType))
    refuse(`the bundle is of the type ${quoted(mediaType)}, which is not known here`)
  onlyOne(object, ['dsseEnvelope', 'messageSignature'])
  const material = member(object, 'verificationMaterial')
  if (!isObject(material)) return refuse('the bundle has no verificationMaterial')
  onlyOne(material, ['publicKey', 'certificate', 'x509CertificateChain'])
  try {
    return bundles().bundleFromJSON(object)
  } catch (error) {
    const fields = (error as { fields?: unknown }).fields
    const which = Array.isArray(fields) ? `: ${quoted(fields.join(', '))} is missing or not acceptable` : ''
    return refuse(`the bundle is not what its type says${which}`)
  }
}

/** The library takes the first that it finds; another reader might take the other. */
function onlyOne(object: JsonObject, names: readonly string[]): void {
  const given = names.filter((name) => member(object, name) !== undefined)
  if (given.length !== 1)
    refuse(`the bundle has ${given.join(' and ') || 'none'} of ${names.join(', ')}; it must be one`)
}

interface Signed {
  readonly claim: Claim
  /** The bytes that the signature is over. */
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly keyId: string
}

/** What is signed, once it is certain that it is about this package. */
function signedBy(bundle: Bundle, subject: SignedSubject): Signed {
  const { content } = bundle
  if (content.$case === 'messageSignature') {
    const { messageDigest, signature } = content.messageSignature
    const hash =
      HASHES[messageDigest.algorithm] ?? refuse('the bundle hashes its message in a way that is not known here')
    if (!messageDigest.digest.equals(createHash(hash).update(subject.bytes).digest())) {
      refuse(
        `it is about ${hash}:${messageDigest.digest.toString('hex').slice(0, 128)}, and this package is ${shownDigest(subject)}`,
      )
    }
    const claim = { format: 'sigstore-bundle', kind: 'signature' } as const
    return { claim, message: subject.bytes, signature, keyId: '' }
  }
  const { payloadType, payload, signatures } = content.dsseEnvelope
  const statement = readStatement(payloadType, payload)
  requireSubject(statement, subject)
  const { predicateType } = statement
  return {
    claim: { format: 'sigstore-bundle', kind: kindOfPredicate(predicateType), predicateType },
    message: preAuthEncoding(payloadType, payload),
    // The library refuses bundles with another number of signatures than one.
    signature: signatures[0]!.sig,
    keyId: signatures[0]!.keyid,
  }
}

function verifies(bundle: Bundle, key: TrustedKey, { subject }: Against): boolean {
  const { Verifier, toSignedEntity } = verifying()
  const bare = {
    ...bundle,
    verificationMaterial: { ...bundle.verificationMaterial, tlogEntries: [], timestampVerificationData: undefined },
  } as Bundle
  const trust = {
    certificateAuthorities: [],
    timestampAuthorities: [],
    tlogs: [],
    ctlogs: [],
    publicKey: () => ({ publicKey: key.key, validFor: () => true }),
  }
  try {
    const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 })
    verifier.verify(toSignedEntity(bare, Buffer.from(subject.bytes)))
    return true
  } catch {
    return false
  }
}
