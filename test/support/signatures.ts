/** Signatures as cosign 2 and 3 make them, made here with keys of the test: one function a format, every part exchangeable. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readTrustedKeys, type TrustedKey } from '../../src/signing/index.ts'

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
export const SIMPLE_SIGNING_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json'
export const ENVELOPE_TYPE = 'application/vnd.dsse.envelope.v1+json'
export const COSIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1'
export const IN_TOTO = 'application/vnd.in-toto+json'

export interface Signer {
  readonly name: string
  /** PEM of the public key. */
  readonly pem: string
  readonly trusted: TrustedKey
  sign(message: Uint8Array): Buffer
}

export type SignerKind = 'P-256' | 'P-384' | 'RSA' | 'Ed25519'

export function makeSigner(name: string, kind: SignerKind = 'P-256', hash?: string): Signer {
  const { publicKey, privateKey } = keyPair(kind)
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const usual = kind === 'P-384' ? 'sha384' : kind === 'Ed25519' ? null : 'sha256'
  return {
    name,
    pem,
    trusted: readTrustedKeys(Buffer.from(pem), name)[0]!,
    sign: (message) => sign(hash ?? usual, message, privateKey),
  }
}

function keyPair(kind: SignerKind): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  if (kind === 'Ed25519') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('ec', { namedCurve: kind })
}

export function hexOf(bytes: Uint8Array, algorithm = 'sha256'): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

export function statementOf(subject: Uint8Array, predicateType = COSIGN_PREDICATE, predicate: unknown = {}): string {
  return JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'registry.example/ops/site', digest: { sha256: hexOf(subject) } }],
    predicateType,
    predicate,
  })
}

function paeOf(type: string, payload: string): Buffer {
  return Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${Buffer.byteLength(payload)} ${payload}`)
}

/** A signed DSSE envelope; `changes` are laid over it afterwards. */
export function envelopeOf(signer: Signer, payload: string, changes: object = {}, type = IN_TOTO): object {
  return {
    payloadType: type,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ keyid: '', sig: signer.sign(paeOf(type, payload)).toString('base64') }],
    ...changes,
  }
}

export function bundleOf(signer: Signer, content: object, changes: object = {}): Record<string, unknown> {
  return {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: signer.trusted.hint } },
    ...content,
    ...changes,
  }
}

/** A cosign 3 signature (or attestation, by its predicate). */
export function signedBundle(signer: Signer, subject: Uint8Array, predicateType?: string, predicate?: unknown): Buffer {
  const dsseEnvelope = envelopeOf(signer, statementOf(subject, predicateType, predicate))
  return Buffer.from(JSON.stringify(bundleOf(signer, { dsseEnvelope })))
}

export function simplePayload(digest: string, changes: object = {}): Buffer {
  const critical = {
    identity: { 'docker-reference': 'registry.example/ops/site' },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
    ...changes,
  }
  return Buffer.from(JSON.stringify({ critical, optional: null }))
}

export interface SignatureLayer {
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly annotations?: Readonly<Record<string, string>>
}

export function simpleLayer(signer: Signer, payload: Uint8Array, annotations: object = {}): SignatureLayer {
  const signature = signer.sign(payload).toString('base64')
  const all = { 'dev.cosignproject.cosign/signature': signature, ...annotations }
  return { mediaType: SIMPLE_SIGNING_TYPE, bytes: payload, annotations: all }
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

/** The manifest that carries the layers. With `subject` it is a referrer, as of cosign 3. */
export function signatureManifest(
  layers: readonly SignatureLayer[],
  options: { subject?: Uint8Array; artifactType?: string; annotations?: object } = {},
): Buffer {
  const { subject, artifactType, annotations } = options
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      ...(artifactType === undefined ? {} : { artifactType }),
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${hexOf(Buffer.from('{}'))}`, size: 2 },
      layers: layers.map(({ mediaType, bytes, annotations: own }) => ({
        mediaType,
        digest: `sha256:${hexOf(bytes)}`,
        size: bytes.length,
        ...(own === undefined ? {} : { annotations: own }),
      })),
      ...(subject === undefined
        ? {}
        : { subject: { mediaType: MANIFEST_TYPE, digest: `sha256:${hexOf(subject)}`, size: subject.length } }),
      ...(annotations === undefined ? {} : { annotations }),
    }),
  )
}

/** The referrer that cosign 3 makes of a bundle. */
export function bundleManifest(subject: Uint8Array, bundle: Uint8Array, predicateType = COSIGN_PREDICATE): Buffer {
  const annotations = {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': predicateType,
  }
  return signatureManifest([{ mediaType: BUNDLE_TYPE, bytes: bundle }], {
    subject,
    artifactType: BUNDLE_TYPE,
    annotations,
  })
}
