/** Blobs of a repository: end-2 (GET, HEAD, ranges) and end-10 (DELETE). */
import {
  type ApiRequest,
  contentRangeOf,
  ifRangeHolds,
  isNotModified,
  type Reply,
  requestedRange,
} from '../http/index.ts'
import { type Registry, RegistryError, type RepositoryName } from '../registry/index.ts'
import type { ByteRange, Digest } from '../storage/index.ts'
import { blobHeaders, etagOf } from './headers.ts'
import { digestOf, repositoryOf } from './params.ts'

export function blobHandlers({ blobs }: Registry) {
  return {
    /** Its 200 is a promise: the client will skip its upload, so the registry keeps the blob for a while. */
    async head(request: ApiRequest): Promise<Reply> {
      const { digest, size } = await blobs.stat(repositoryOf(request), digestOf(request))
      return notModified(request, digest) ?? { status: 200, headers: blobHeaders(digest, size) }
    },

    async get(request: ApiRequest): Promise<Reply> {
      const repository = repositoryOf(request)
      const digest = digestOf(request)
      const { range: rangeHeader, 'if-none-match': known } = request.headers
      if (known !== undefined && isNotModified(known, etagOf(digest))) await blobs.stat(repository, digest)
      const unchanged = notModified(request, digest)
      if (unchanged) return unchanged
      const range = rangeHeader === undefined ? undefined : await rangeOf(request, repository, digest)
      const opened = await blobs.open(repository, digest, range)
      const body = opened.bytes ?? opened.content
      if (range === undefined) return { status: 200, headers: blobHeaders(digest, opened.size), body }
      const headers = blobHeaders(digest, range.last - range.first + 1)
      return { status: 206, headers: { ...headers, 'Content-Range': contentRangeOf(opened.size, range) }, body }
    },

    async remove(request: ApiRequest): Promise<Reply> {
      await blobs.remove(repositoryOf(request), digestOf(request), { actor: request.identity.name })
      return { status: 202 }
    },
  }

  /** What of the blob was asked for; undefined: all. Throws `range-invalid`, `blob-unknown`. */
  async function rangeOf(
    request: ApiRequest,
    repository: RepositoryName,
    digest: Digest,
  ): Promise<ByteRange | undefined> {
    if (!ifRangeHolds(request.headers['if-range'] as string | undefined, etagOf(digest))) return undefined
    // Bytes that are gone or damaged are told by the opening: 500, where a look at them would say 404.
    const size = await blobs.size(repository, digest)
    const asked = requestedRange(request.headers.range, size)
    if (asked.kind === 'unsatisfiable') {
      throw new RegistryError('range-invalid', `the blob has ${size} bytes, and none of them are in the range`, {
        size,
      })
    }
    return asked.kind === 'part' ? { first: asked.first, last: asked.last } : undefined
  }
}

function notModified(request: ApiRequest, digest: Digest): Reply | undefined {
  const etag = etagOf(digest)
  if (!isNotModified(request.headers['if-none-match'], etag)) return undefined
  return { status: 304, headers: { ETag: etag, 'Docker-Content-Digest': digest } }
}
