/**
 * Reads what is put on `/v2/`: checks what a registry must check (image-spec v1.1.1, distribution-spec 1.1.1+dev) and
 * nothing that would shut out a client. Bytes are never rewritten; unknown fields, types and annotations pass.
 */
import { isAlgorithm, parseDigest } from '../../storage/index.ts'
import { RegistryError } from '../errors.ts'
import { jsonTextProblem } from '../metadata/json-text.ts'
import { printable } from '../names.ts'
import type { Descriptor } from '../registry.ts'
import {
  DOCKER_SCHEMA_1,
  isManifestMediaType,
  MANIFEST_KINDS,
  type ManifestKind,
  type ManifestMediaType,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts'

export interface OciDescriptor extends Descriptor {
  /** Where else the bytes can be had; a registry need not have them. */
  readonly urls?: readonly string[]
}

export interface ParsedManifest {
  readonly mediaType: ManifestMediaType
  readonly kind: ManifestKind
  readonly artifactType?: string
  /** Images only. */
  readonly config?: OciDescriptor
  /** The `layers` of an image, the `blobs` of an artifact manifest; empty for an index. */
  readonly layers: readonly OciDescriptor[]
  /** The children of an index; else empty. */
  readonly manifests: readonly OciDescriptor[]
  readonly subject?: OciDescriptor
  readonly annotations?: Readonly<Record<string, string>>
  /** Everything that the manifest names, in document order. */
  readonly edges: readonly ManifestEdge[]
  /**
   * How a list of referrers names the type. Distribution-spec, "Listing Referrers": the manifest's artifactType, else an
   * image's config media type; an index without artifactType has none.
   */
  readonly referrerType?: string
}

export interface ManifestEdge extends OciDescriptor {
  readonly kind: 'config' | 'layer' | 'manifest' | 'subject'
}

type Fields = Readonly<Record<string, unknown>>

/** image-spec descriptor.md, "Digests": any algorithm may be referenced. */
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/
/** Printable ASCII only: it comes back in headers. Not the full RFC 6838 grammar, which real clients break. */
const DESCRIPTOR_MEDIA_TYPE = /^[\x21-\x7e][\x20-\x7e]{0,254}$/

/**
 * `contentType` is the header of the request; absent, the body tells. Throws `manifest-invalid`; `detail.field` is the
 * JSON pointer of the field at fault.
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): ParsedManifest {
  const body = parseBody(bytes)
  const mediaType = mediaTypeOf(body, contentType)
  const kind = MANIFEST_KINDS[mediaType]
  if (kind !== 'artifact' && body.schemaVersion !== 2) {
    refuse('/schemaVersion', body.schemaVersion === 1 ? SCHEMA_1_REASON : 'must be 2')
  }
  // CVE-2021-41190: readers that take it for an image and readers that take it for an index would see two things.
  if (isPresent(body.manifests) && (isPresent(body.config) || isPresent(body.layers))) {
    refuse('/manifests', "stands beside 'config' or 'layers'; a document is an index or an image, not both")
  }
  return parsedManifest(mediaType, kind, body)
}

function parsedManifest(mediaType: ManifestMediaType, kind: ManifestKind, body: Fields): ParsedManifest {
  const artifactType = optionalText(body.artifactType, '/artifactType')
  // image-spec manifest.md: a media type, which RFC 6838 4.2 ends at 127 + 1 + 127 characters. Lists filter by it.
  if (artifactType && artifactType.length > 255) refuse('/artifactType', 'is longer than 255 characters')
  const config = kind === 'image' ? descriptor(body.config, '/config') : undefined
  const layers = layersOf(kind, body)
  const manifests = kind === 'index' ? descriptors(body, 'manifests') : []
  const subject = isPresent(body.subject) ? descriptor(body.subject, '/subject') : undefined
  const annotations = isPresent(body.annotations) ? storableAnnotations(body.annotations) : undefined
  const referrerType = artifactType || config?.mediaType
  return {
    mediaType,
    kind,
    layers,
    manifests,
    edges: [
      ...(config ? [{ ...config, kind: 'config' } as const] : []),
      ...layers.map((layer) => ({ ...layer, kind: 'layer' }) as const),
      ...manifests.map((child) => ({ ...child, kind: 'manifest' }) as const),
      ...(subject ? [{ ...subject, kind: 'subject' } as const] : []),
    ],
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(config === undefined ? {} : { config }),
    ...(subject === undefined ? {} : { subject }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(referrerType === undefined ? {} : { referrerType }),
  }
}

function parseBody(bytes: Uint8Array): Fields {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw invalid('', 'is not valid UTF-8', cause)
  }
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    throw invalid('', 'is not JSON', cause)
  }
  if (!isObject(body)) refuse('', 'is not a JSON object')
  const problem = jsonTextProblem(text)
  if (problem) refuse(problem.pointer, problem.reason)
  return body as Fields
}

const SCHEMA_1_REASON = 'is 1: Docker schema 1 is not stored here; push the image with a client that writes schema 2'

function mediaTypeOf(body: Fields, contentType: string | undefined): ManifestMediaType {
  const header = contentType?.split(';', 1).at(0)?.trim().toLowerCase() || undefined
  const own = optionalText(body.mediaType, '/mediaType') || undefined
  if (header !== undefined && own !== undefined && header !== own) {
    refuse('/mediaType', `is '${printable(own)}' and the Content-Type is '${printable(header)}'; they must be equal`)
  }
  const mediaType = header ?? own ?? (isPresent(body.manifests) ? OCI_INDEX : OCI_MANIFEST)
  if (isManifestMediaType(mediaType)) return mediaType
  if ((DOCKER_SCHEMA_1 as readonly string[]).includes(mediaType)) refuse('/schemaVersion', SCHEMA_1_REASON)
  const accepted = Object.keys(MANIFEST_KINDS)
  throw new RegistryError(
    'manifest-invalid',
    `a manifest of media type '${printable(mediaType)}' is not stored here; accepted are ${accepted.join(', ')}`,
    { field: '/mediaType', accepted },
  )
}

function layersOf(kind: ManifestKind, body: Fields): readonly OciDescriptor[] {
  if (kind === 'index') return []
  if (kind === 'image') return descriptors(body, 'layers')
  return isPresent(body.blobs) ? descriptors(body, 'blobs') : []
}

function descriptors(body: Fields, field: string): readonly OciDescriptor[] {
  // Go writes an empty list that was never made as null.
  if (body[field] === null) return []
  if (!Array.isArray(body[field])) refuse(`/${field}`, 'must be a list of descriptors')
  return (body[field] as unknown[]).map((value, i) => descriptor(value, `/${field}/${i}`))
}

function descriptor(value: unknown, pointer: string): OciDescriptor {
  if (!isObject(value)) refuse(pointer, 'must be a descriptor: an object with mediaType, digest and size')
  const fields = value as Fields
  const { mediaType, digest, size, urls } = fields
  if (typeof mediaType !== 'string' || !DESCRIPTOR_MEDIA_TYPE.test(mediaType)) {
    refuse(`${pointer}/mediaType`, 'must be a media type such as application/octet-stream')
  }
  if (typeof digest !== 'string' || !isDigest(digest)) {
    refuse(`${pointer}/digest`, 'must be a digest such as sha256:<64 lower-case hex digits>')
  }
  if (!Number.isSafeInteger(size) || (size as number) < 0) refuse(`${pointer}/size`, 'must be a whole number of bytes')
  const artifactType = optionalText(fields.artifactType, `${pointer}/artifactType`)
  if (isPresent(urls) && !(Array.isArray(urls) && urls.every((url) => typeof url === 'string'))) {
    refuse(`${pointer}/urls`, 'must be a list of text')
  }
  return {
    mediaType: mediaType as string,
    digest: digest as string,
    size: size as number,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(isPresent(urls) ? { urls: urls as readonly string[] } : {}),
    ...(isPresent(fields.annotations)
      ? { annotations: textMembers(fields.annotations, `${pointer}/annotations`) }
      : {}),
  }
}

/** Algorithms that are stored here have a known length; others only have to fit the grammar and an index. */
function isDigest(text: string): boolean {
  if (text.length > 512 || !DIGEST.test(text)) return false
  return !isAlgorithm(text.slice(0, text.indexOf(':'))) || parseDigest(text) !== undefined
}

function textMembers(value: unknown, pointer: string): Readonly<Record<string, string>> {
  if (!isObject(value)) refuse(pointer, 'must be an object of text values')
  for (const [key, text] of Object.entries(value as Fields)) {
    if (typeof text !== 'string') refuse(`${pointer}/${escapeStep(key)}`, 'must be text')
  }
  return value as Readonly<Record<string, string>>
}

/** The manifest's own annotations become the package's metadata, so databases must be able to hold them. */
function storableAnnotations(value: unknown): Readonly<Record<string, string>> {
  const all = textMembers(value, '/annotations')
  for (const [key, text] of Object.entries(all)) {
    if (!isStorable(key) || !isStorable(text)) {
      refuse(`/annotations/${escapeStep(key)}`, 'contains a lone surrogate or U+0000')
    }
  }
  return all
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

function optionalText(value: unknown, pointer: string): string | undefined {
  if (!isPresent(value)) return undefined
  if (typeof value !== 'string' || !isStorable(value)) refuse(pointer, 'must be text')
  return value as string
}

/** Go clients write absent optional fields as null. */
function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function escapeStep(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1')
}

function refuse(pointer: string, problem: string): never {
  throw invalid(pointer, problem)
}

function invalid(pointer: string, problem: string, cause?: unknown): RegistryError {
  const subject = pointer === '' ? 'the manifest' : `'${printable(pointer)}' of the manifest`
  return new RegistryError('manifest-invalid', `${subject} ${problem}`, { field: pointer }, { cause })
}
