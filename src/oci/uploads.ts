/**
 * Uploads: bytes on their way to being a blob of a repository. end-4 (begin, or all at once), end-5 (append), end-6
 * (complete), end-11 (mount), end-13 (status), end-14 (cancel). Progress lives in the registry, never in the Location.
 */
import { type ApiRequest, expectsBody, type Reply } from '../http/index.ts'
import { parseRepositoryName, type Registry, RegistryError, type RepositoryName } from '../registry/index.ts'
import type { Digest } from '../storage/index.ts'
import { blobPath, uploadHeaders } from './headers.ts'
import { algorithmQuery, chunkPlaceOf, contentLengthOf, digestQuery, repositoryOf, uploadKeyOf } from './params.ts'

export function uploadHandlers({ uploads, blobs }: Registry) {
  return {
    async begin(request: ApiRequest): Promise<Reply> {
      const repository = repositoryOf(request)
      const actor = request.identity.name
      const wanted = digestQuery(request, 'mount')
      if (wanted !== undefined) {
        if (await mount(request, repository, wanted)) return created(repository, wanted)
      } else {
        const digest = digestQuery(request)
        if (digest !== undefined) {
          const { content } = request
          await uploads.receive({ repository, actor, digest, content, length: contentLengthOf(request) })
          return created(repository, digest)
        }
      }
      const upload = await uploads.begin({ repository, actor, algorithm: algorithmQuery(request) })
      return { status: 202, headers: uploadHeaders(repository, upload) }
    },

    async status(request: ApiRequest): Promise<Reply> {
      const key = uploadKeyOf(request)
      return { status: 204, headers: uploadHeaders(repositoryOf(request), await uploads.status(key)) }
    },

    /** Without Content-Range the bytes belong at the end: docker, crane and skopeo stream a whole blob this way. */
    async append(request: ApiRequest): Promise<Reply> {
      const upload = await uploads.append(uploadKeyOf(request), request.content, chunkPlaceOf(request))
      return { status: 202, headers: uploadHeaders(repositoryOf(request), upload) }
    },

    async complete(request: ApiRequest): Promise<Reply> {
      const digest = digestQuery(request)
      if (digest === undefined) {
        throw new RegistryError('digest-invalid', 'the digest is missing: complete an upload with ?digest=<digest>', {
          field: 'digest',
        })
      }
      const last = hasContent(request) ? { content: request.content, ...chunkPlaceOf(request) } : undefined
      await uploads.complete(uploadKeyOf(request), digest, last)
      return created(repositoryOf(request), digest)
    },

    async cancel(request: ApiRequest): Promise<Reply> {
      await uploads.cancel(uploadKeyOf(request))
      return { status: 204 }
    },
  }

  /**
   * Without `from` any repository that the caller may read will do. Who it is decides, not what its access token was asked
   * for: clients ask for the repository that they push to.
   */
  function mount(request: ApiRequest, repository: RepositoryName, digest: Digest): Promise<boolean> {
    const from = request.query.get('from')
    return blobs.mount({
      repository,
      digest,
      ...(from === null ? {} : { from: parseRepositoryName(from) }),
      mayRead: (source) => request.standing('pull', source) !== 'denied',
      actor: request.identity.name,
    })
  }
}

/** A closing PUT says where its bytes belong even where it has none. */
function hasContent(request: ApiRequest): boolean {
  return expectsBody(request.body) || request.headers['content-range'] !== undefined
}

function created(repository: RepositoryName, digest: Digest): Reply {
  return { status: 201, headers: { Location: blobPath(repository, digest), 'Docker-Content-Digest': digest } }
}
