/** A package, keys with and without trust in them, and one signature at a time to check against both. */
import { checkSignature, signaturesIn, subjectOf, type Verdict } from '../../src/signing/index.ts'
import {
  BUNDLE_TYPE,
  bundleOf,
  ENVELOPE_TYPE,
  envelopeOf,
  makeSigner,
  type SignatureLayer,
  type Signer,
  signatureManifest,
} from '../support/signatures.ts'

export const PACKAGE = Buffer.from('{"schemaVersion":2,"layers":[]}')
export const OTHER_PACKAGE = Buffer.from('{"schemaVersion":2,"layers":[ ]}')
export const SUBJECT = subjectOf(PACKAGE)
export const release = makeSigner('release')
export const night = makeSigner('night', 'Ed25519')
export const stranger = makeSigner('stranger')
export const KEYS = [night.trusted, release.trusted]

/** Verdicts on all signatures of a manifest with these layers. */
export function verdicts(layers: readonly SignatureLayer[], keys = KEYS, subject = SUBJECT): Verdict[] {
  const { parts } = signaturesIn(signatureManifest(layers))
  return parts.map((part, index) => checkSignature(part, layers[index]!.bytes, { subject, keys }))
}

export function ofBundle(bundle: object | string | Uint8Array, keys = KEYS): Verdict {
  const bytes = typeof bundle === 'object' && !(bundle instanceof Uint8Array) ? JSON.stringify(bundle) : bundle
  return verdicts([{ mediaType: BUNDLE_TYPE, bytes: Buffer.from(bytes as string) }], keys)[0]!
}

export function ofEnvelope(envelope: object, keys = KEYS): Verdict {
  return verdicts([{ mediaType: ENVELOPE_TYPE, bytes: Buffer.from(JSON.stringify(envelope)) }], keys)[0]!
}

export function ofStatement(statement: string, signer: Signer = release): Verdict {
  return ofBundle(bundleOf(signer, { dsseEnvelope: envelopeOf(signer, statement) }))
}

export const message = (signer: Signer, digest: Buffer, algorithm = 'SHA2_256', over: Uint8Array = PACKAGE) => ({
  messageSignature: {
    messageDigest: { algorithm, digest: digest.toString('base64') },
    signature: signer.sign(over).toString('base64'),
  },
})
