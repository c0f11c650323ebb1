/** Path, query and headers of a request as the domain's own values: nothing unparsed goes further than this file. */
import { type ApiRequest, parseContentRange, parseCount, type Span } from '../http/index.ts'
import {
  parseReference,
  parseRepositoryName,
  parseTag,
  type Reference,
  RegistryError,
  type RepositoryName,
  requireDigest,
  type Tag,
  type UploadKey,
} from '../registry/index.ts'
import { type Algorithm, type Digest, isAlgorithm } from '../storage/index.ts'

/** Throws `name-invalid`. */
export function repositoryOf(request: ApiRequest): RepositoryName {
  return parseRepositoryName(request.params.name ?? '')
}

/** Throws `digest-invalid`. */
export function digestOf(request: ApiRequest): Digest {
  return requireDigest(request.params.digest ?? '')
}

/** Throws `digest-invalid`, `tag-invalid`. */
export function referenceOf(request: ApiRequest): Reference {
  return parseReference(request.params.reference ?? '')
}

/**
 * What is to be read. Throws `digest-invalid`, and `manifest-unknown` for what is no tag: the specification has 404 alone
 * for a read by tag, and conformance 1.1.1 reads `.INVALID_MANIFEST_NAME`. Nothing can have been put there.
 */
export function readReferenceOf(request: ApiRequest): Reference {
  try {
    return referenceOf(request)
  } catch (error) {
    if (!(error instanceof RegistryError && error.code === 'tag-invalid')) throw error
    throw new RegistryError('manifest-unknown', `There is no such manifest: ${error.message}`, { field: 'reference' })
  }
}

/** An upload of this repository and this identity. Throws `name-invalid`. */
export function uploadKeyOf(request: ApiRequest): UploadKey {
  return { id: request.params.upload ?? '', repository: repositoryOf(request), actor: request.identity.name }
}

/** `?digest=`. Throws `digest-invalid` where it is malformed; undefined where it is absent. */
export function digestQuery(request: ApiRequest, name = 'digest'): Digest | undefined {
  const text = request.query.get(name)
  return text === null ? undefined : requireDigest(text, name)
}

/** `?digest-algorithm=` (end-4c). Throws `digest-invalid`. */
export function algorithmQuery(request: ApiRequest): Algorithm | undefined {
  const text = request.query.get('digest-algorithm')
  if (text === null || isAlgorithm(text)) return text ?? undefined
  throw new RegistryError('digest-invalid', 'no such digest algorithm here: use sha256, sha512 or blake3', {
    field: 'digest-algorithm',
  })
}

/** `?tag=`, repeated (end-7b). Throws `tag-invalid`, `field-invalid`. */
export function tagsQuery(request: ApiRequest, reference: Reference): readonly Tag[] {
  const tags = [...new Set(request.query.getAll('tag'))].map(parseTag)
  if (tags.length === 0) return tags
  if (!('digest' in reference)) throw fieldInvalid('tag', '?tag= belongs to a manifest that is put by its digest')
  if (tags.length > TAGS_PER_PUT) throw fieldInvalid('tag', `at most ${TAGS_PER_PUT} tags can be put at once`)
  return tags
}
/** The specification wants at least 10. */
const TAGS_PER_PUT = 100

export interface PageQuery {
  /** Undefined: everything in one page. */
  readonly limit: number | undefined
  readonly last: string | undefined
}

/** `?n=` and `?last=`. Throws `field-invalid`. */
export function pageQuery(request: ApiRequest): PageQuery {
  const n = request.query.get('n')
  const limit = n === null ? undefined : parseCount(n)
  if (n !== null && limit === undefined) throw fieldInvalid('n', 'n must be a whole number, 0 or more')
  return { limit, last: request.query.get('last') ?? undefined }
}

export interface ChunkPlace {
  /** Where the body starts in the blob; undefined: at the end of what was received. */
  readonly at: number | undefined
  /** Bytes announced; undefined: until the body ends. */
  readonly length: number | undefined
}

/** Content-Range and Content-Length of a chunk. Throws `field-invalid`, `size-mismatch`. */
export function chunkPlaceOf(request: ApiRequest): ChunkPlace {
  const span = contentRangeOf(request)
  const announced = contentLengthOf(request)
  if (span === undefined) return { at: undefined, length: announced }
  const length = span.last - span.first + 1
  if (announced !== undefined && announced !== length) {
    throw new RegistryError('size-mismatch', `Content-Range has ${length} bytes and Content-Length ${announced}`, {
      field: 'Content-Range',
    })
  }
  return { at: span.first, length }
}

function contentRangeOf(request: ApiRequest): Span | undefined {
  const header = request.headers['content-range']
  if (header === undefined) return undefined
  const span = parseContentRange(header)
  if (span === undefined) throw fieldInvalid('Content-Range', 'Content-Range must be <first>-<last>, such as 0-1023')
  return span
}

export function contentLengthOf(request: ApiRequest): number | undefined {
  const header = request.headers['content-length']
  return header === undefined ? undefined : Number(header)
}

/** The Content-Type without its parameters; undefined where the client sent none. */
export function mediaTypeOf(request: ApiRequest): string | undefined {
  return request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() || undefined
}

function fieldInvalid(field: string, message: string): RegistryError {
  return new RegistryError('field-invalid', message, { field })
}
