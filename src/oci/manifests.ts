/** Manifests: end-3 (GET, HEAD), end-7 (PUT, also with further tags) and end-9 (DELETE of a tag or a manifest). */
import { type ApiRequest, isNotModified, type Reply, readBody } from '../http/index.ts'
import type { Reference, Registry, Tag } from '../registry/index.ts'
import { etagOf, manifestPath } from './headers.ts'
import { digestQuery, mediaTypeOf, readReferenceOf, referenceOf, repositoryOf, tagsQuery } from './params.ts'
import { warning } from './warnings.ts'

/** The specification wants at least 4 MB; containerd and oras refuse to read much more. */
const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024

export function manifestHandlers({ manifests, tags }: Registry) {
  return {
    /**
     * The bytes as pushed under the type as pushed. Accept is ignored, as the specification allows: a client that
     * cannot read the type says so better than a 404 would.
     */
    async get(request: ApiRequest): Promise<Reply> {
      const { bytes, digest, mediaType } = await manifests.get(repositoryOf(request), readReferenceOf(request))
      const etag = etagOf(digest)
      if (isNotModified(request.headers['if-none-match'], etag)) {
        return { status: 304, headers: { ETag: etag, 'Docker-Content-Digest': digest } }
      }
      const headers = { 'Content-Type': mediaType, 'Docker-Content-Digest': digest, ETag: etag }
      return { status: 200, headers, body: bytes }
    },

    async put(request: ApiRequest): Promise<Reply> {
      const repository = repositoryOf(request)
      const target = targetOf(request)
      const put = await manifests.put({
        repository,
        ...target,
        mediaType: mediaTypeOf(request),
        bytes: await readBody(request.content, MANIFEST_LIMIT_BYTES),
        actor: request.identity.name,
        mayStore: request.may('push', repository),
      })
      return {
        status: 201,
        headers: {
          Location: manifestPath(repository, put.digest),
          'Docker-Content-Digest': put.digest,
          ...(put.subject === undefined ? {} : { 'OCI-Subject': put.subject }),
          ...(target.confirmsTags && put.tags.length > 0 ? { 'OCI-Tag': put.tags } : {}),
          ...(put.missing > 0 ? warning(missingSentence(put.missing)) : {}),
        },
      }
    },

    /** By tag only the tag goes; by digest the manifest goes with every tag on it. */
    async remove(request: ApiRequest): Promise<Reply> {
      const repository = repositoryOf(request)
      const reference = referenceOf(request)
      const options = { actor: request.identity.name }
      if ('tag' in reference) await tags.remove(repository, reference.tag, options)
      else await manifests.remove(repository, reference.digest, options)
      return { status: 202 }
    },
  }
}

function missingSentence(missing: number): string {
  const what = missing === 1 ? 'a blob or manifest' : `${missing} blobs or manifests`
  return `the manifest names ${what} that this repository does not have: pulls will fail there until they are pushed`
}

interface PutTarget {
  readonly reference: Reference
  readonly tags?: readonly Tag[]
  /** Whether the client asked by `?tag=` and is told in OCI-Tag which tags were set. */
  readonly confirmsTags: boolean
}

/** What the manifest is put as. `PUT …/<tag>?digest=` (older regctl) is a put by digest with that tag. */
function targetOf(request: ApiRequest): PutTarget {
  const reference = referenceOf(request)
  const tags = tagsQuery(request, reference)
  const digest = digestQuery(request)
  if ('tag' in reference && digest !== undefined) {
    return { reference: { digest }, tags: [reference.tag], confirmsTags: false }
  }
  return { reference, ...(tags.length > 0 && { tags }), confirmsTags: tags.length > 0 }
}
