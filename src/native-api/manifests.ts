/** The manifest of a finalized package: in its own bytes, as canonical JSON, and as OCI clients see it. */
import type { Reply } from '../http/index.ts'
import type { ManifestDocument } from '../registry/index.ts'
import { preferredType } from './accept.ts'
import { entityTag, IMMUTABLE, isUnchanged } from './conditional.ts'
import { type Call, operation } from './operation.ts'
import { ApiError } from './problem.ts'
import { MEDIA_TYPES } from './wire.ts'

const MANIFEST_HEADERS = { ETag: 'The digest', 'Docker-Content-Digest': 'The digest of the bytes' }

export const getManifest = operation({
  id: 'getManifest',
  summary: 'The manifest of a finalized package, in its own bytes',
  description:
    'Canonical CBOR for a native package, under its own media type or as application/cbor where Accept wants that. ' +
    'A package pushed through /v2/ answers the bytes of that push under their own type.',
  headers: {
    Accept: `${MEDIA_TYPES.manifest} (default) or ${MEDIA_TYPES.cbor}`,
    'If-None-Match': 'An ETag',
  },
  answers: {
    200: {
      description: 'The manifest',
      content: { [MEDIA_TYPES.manifest]: 'bytes', [MEDIA_TYPES.cbor]: 'bytes', '*/*': 'bytes' },
      headers: MANIFEST_HEADERS,
    },
    304: { description: 'If-None-Match names it' },
  },
  errors: ['package-unknown', 'package-not-finalized', 'not-acceptable', 'precondition-failed'],
  async handle(call) {
    const manifest = await call.context.registry.packages.manifest(call.params.package_id!)
    if (manifest.mediaType !== MEDIA_TYPES.manifest) return manifestReply(call, manifest, manifest.mediaType)
    const offered = [MEDIA_TYPES.manifest, MEDIA_TYPES.cbor]
    const type = preferredType(call.request.headers.accept, offered)
    if (type !== undefined) return manifestReply(call, manifest, type)
    throw new ApiError('not-acceptable', `The manifest is ${offered.join(' or ')}; its JSON is at manifest.json`, {
      detail: { field: 'Accept', known: offered },
    })
  },
})

export const getManifestJson = operation({
  id: 'getManifestJson',
  summary: 'The manifest of a finalized package as canonical JSON (RFC 8785)',
  headers: { 'If-None-Match': 'An ETag' },
  answers: {
    200: { description: 'The manifest', content: { [MEDIA_TYPES.json]: 'ManifestJson' }, headers: MANIFEST_HEADERS },
    304: { description: 'If-None-Match names it' },
  },
  errors: ['package-unknown', 'package-not-finalized', 'precondition-failed'],
  async handle(call) {
    const manifest = await call.context.registry.packages.manifestJson(call.params.package_id!)
    return manifestReply(call, manifest, MEDIA_TYPES.json)
  },
})

export const getOciManifest = operation({
  id: 'getOciManifest',
  summary: 'The OCI manifest of a finalized package, as /v2/ serves it: what signatures are made over',
  headers: { 'If-None-Match': 'An ETag' },
  answers: {
    200: { description: 'The manifest, under its own type', content: { '*/*': 'bytes' }, headers: MANIFEST_HEADERS },
    304: { description: 'If-None-Match names it' },
  },
  errors: ['package-unknown', 'package-not-finalized', 'manifest-unknown', 'precondition-failed'],
  async handle(call) {
    const manifest = await call.context.registry.packages.ociManifest(call.params.package_id!)
    return manifestReply(call, manifest, manifest.mediaType)
  },
})

function manifestReply(call: Call, manifest: ManifestDocument, mediaType: string): Reply {
  const etag = entityTag(manifest.digest)
  const headers = {
    ETag: etag,
    'Content-Type': mediaType,
    'Cache-Control': IMMUTABLE,
    'Docker-Content-Digest': manifest.digest,
    Vary: 'Accept, Authorization',
    'X-Content-Type-Options': 'nosniff',
  }
  if (isUnchanged(call.request, etag)) return { status: 304, headers }
  return { status: 200, headers, body: manifest.bytes }
}
