/**
 * What a manifest that refers to a package holds of signatures: which of its layers are some, of what format, and how many
 * are looked at. Also what a referrer is called where it is no signature.
 */
import { BUNDLE_MEDIA_TYPES } from './bundle.ts'
import { COSIGN_SIGN_PREDICATE } from './in-toto.ts'
import { isObject, type Json, type JsonObject, member, readObject } from './one-reading.ts'
import type { SignatureFormat, SignedKind } from './verdict.ts'

export const REFERRER_KINDS = ['signature', 'attestation', 'sbom', 'referrer'] as const
export type ReferrerKind = (typeof REFERRER_KINDS)[number]

export interface SignatureManifest {
  /** As the manifest lets it look; what is signed may say otherwise. */
  readonly kind: ReferrerKind
  readonly artifactType?: string
  /** The signatures to check, in the order of the layers. */
  readonly parts: readonly SignaturePart[]
  /** Why some or all of its signatures are not among the parts. */
  readonly uncheckedReason?: string
}

/** One signature: a layer, and what its annotations say. */
export interface SignaturePart {
  readonly format: SignatureFormat
  readonly kind: SignedKind
  readonly digest: string
  readonly size: number
  /** Of simple signing. */
  readonly signature?: string
  readonly isKeyless: boolean
}

/** Bounds the work that one referrer can cause. An attestation that carries an SBOM may have megabytes. */
export const SIGNATURE_LIMITS = { layerBytes: 4 * 1024 * 1024, layers: 50, bytes: 16 * 1024 * 1024 } as const

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json'
const DSSE_ENVELOPE = 'application/vnd.dsse.envelope.v1+json'
const SIGNATURE = 'dev.cosignproject.cosign/signature'
const CERTIFICATE = 'dev.sigstore.cosign/certificate'

/** Says nothing where there is nothing; any bytes are taken, since a referrer can be anything. */
export function signaturesIn(manifest: Uint8Array): SignatureManifest {
  try {
    return read(readObject(manifest, 'the manifest'))
  } catch {
    return { kind: 'referrer', parts: [] }
  }
}

function read(manifest: JsonObject): SignatureManifest {
  const annotations = isObject(manifest.annotations) ? manifest.annotations : {}
  const config = isObject(manifest.config) ? textOf(manifest.config, 'mediaType') : undefined
  const artifactType = textOf(manifest, 'artifactType') || config
  const layers = (Array.isArray(manifest.layers) ? (manifest.layers as readonly Json[]) : []).filter(isObject)
  const all = layers.flatMap((layer) => partOf(layer, annotations))
  const types = [artifactType ?? '', ...layers.map((layer) => textOf(layer, 'mediaType') ?? '')]
  return {
    kind: all[0]?.kind ?? kindOfTypes(types),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...withinLimits(all, types),
  }
}

function withinLimits(all: readonly SignaturePart[], types: readonly string[]) {
  const parts: SignaturePart[] = []
  let bytes = 0
  for (const part of all) {
    const isTooMuch = part.size > SIGNATURE_LIMITS.layerBytes || bytes + part.size > SIGNATURE_LIMITS.bytes
    if (isTooMuch || parts.length === SIGNATURE_LIMITS.layers) continue
    bytes += part.size
    parts.push(part)
  }
  if (parts.length < all.length) {
    const { layerBytes, layers, bytes: sum } = SIGNATURE_LIMITS
    const rule = `at most ${layers} of at most ${layerBytes} bytes, ${sum} together`
    return {
      parts,
      uncheckedReason: `${all.length - parts.length} of its ${all.length} signatures are not checked: ${rule}`,
    }
  }
  if (all.length === 0 && types.some((type) => NOTARY.test(type))) {
    return { parts, uncheckedReason: 'it is a Notary signature, a format that is not checked here' }
  }
  return { parts }
}

function partOf(layer: JsonObject, manifestAnnotations: JsonObject): SignaturePart[] {
  const format = formatOf(textOf(layer, 'mediaType') ?? '')
  const { digest, size } = layer
  if (!format || typeof digest !== 'string' || !isSize(size)) return []
  const annotations = isObject(layer.annotations) ? layer.annotations : {}
  const signature = textOf(annotations, SIGNATURE)
  return [
    {
      format,
      kind: kindOfPart(format, manifestAnnotations),
      digest,
      size,
      ...(signature === undefined ? {} : { signature }),
      isKeyless: member(annotations, CERTIFICATE) !== undefined,
    },
  ]
}

function isSize(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function formatOf(mediaType: string): SignatureFormat | undefined {
  if (BUNDLE_MEDIA_TYPES.includes(mediaType)) return 'sigstore-bundle'
  if (mediaType === SIMPLE_SIGNING) return 'cosign-simple-signing'
  return mediaType === DSSE_ENVELOPE ? 'dsse-envelope' : undefined
}

/** cosign says on the manifest what is in the bundle, so that a list needs no bundle. */
function kindOfPart(format: SignatureFormat, annotations: JsonObject): SignedKind {
  if (format === 'dsse-envelope') return 'attestation'
  if (format === 'cosign-simple-signing') return 'signature'
  const predicate = textOf(annotations, 'dev.sigstore.bundle.predicateType')
  return predicate === undefined || predicate === COSIGN_SIGN_PREDICATE ? 'signature' : 'attestation'
}

const NOTARY = /^application\/vnd\.cncf\.notary\.(?:v2\.)?signature$/
const SBOM = /^(?:application|text)\/(?:spdx|vnd\.cyclonedx|vnd\.syft)\b/
const ATTESTATION = /^application\/vnd\.in-toto\b/
const COSIGN_SIGNATURE = 'application/vnd.dev.cosign.artifact.sig.v1+json'
const COSIGN_SBOM = 'application/vnd.dev.cosign.artifact.sbom.v1+json'

function kindOfTypes(types: readonly string[]): ReferrerKind {
  if (types.some((type) => NOTARY.test(type) || type === COSIGN_SIGNATURE)) return 'signature'
  if (types.some((type) => BUNDLE_MEDIA_TYPES.includes(type))) return 'signature'
  if (types.some((type) => ATTESTATION.test(type))) return 'attestation'
  return types.some((type) => SBOM.test(type) || type === COSIGN_SBOM) ? 'sbom' : 'referrer'
}

function textOf(object: JsonObject, name: string): string | undefined {
  const value = object[name]
  return typeof value === 'string' ? value : undefined
}
