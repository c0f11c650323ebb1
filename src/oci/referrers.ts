/** end-12: what refers to a manifest, as an OCI index. */
import { type ApiRequest, nextLink, type Reply } from '../http/index.ts'
import { type Descriptor, type Registry, type RepositoryName, requireDigest } from '../registry/index.ts'
import { type Digest, isAlgorithm } from '../storage/index.ts'
import { repositoryOf } from './params.ts'

const INDEX = 'application/vnd.oci.image.index.v1+json'
const PAGE = 1000
/** oras reads no larger index, and descriptors carry annotations of any size. */
const INDEX_LIMIT_BYTES = 4 * 1024 * 1024
/** image-spec descriptor.md: the grammar of digests of any algorithm. */
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/

interface Query {
  readonly repository: RepositoryName
  readonly subject: Digest
  readonly artifactTypes: readonly string[]
  readonly after: string | undefined
}

/**
 * 200 for every well-formed digest, also of a repository that does not exist: oras and crane take a 404 for "no
 * referrers API here" and would fall back to tags. Throws `digest-invalid`.
 */
export async function listReferrers(registry: Registry, request: ApiRequest): Promise<Reply> {
  const repository = repositoryOf(request)
  // A media type has no spaces: an unescaped '+' of the query arrives as one.
  const artifactTypes = request.query.getAll('artifactType').map((type) => type.replaceAll(' ', '+'))
  const headers = {
    'Content-Type': INDEX,
    'OCI-Filters-Applied': artifactTypes.length > 0 ? 'artifactType' : undefined,
  }
  const subject = subjectOf(request.params.digest ?? '')
  if (subject === undefined) return { status: 200, headers, body: indexOf([]) }
  const after = request.query.get('after') ?? undefined
  const { body, next } = await pageOf(registry, { repository, subject, artifactTypes, after })
  const path = `/v2/${repository}/referrers/${subject}`
  const link = next === undefined ? undefined : nextLink(path, { artifactType: artifactTypes, after: next })
  return { status: 200, headers: { ...headers, Link: link }, body }
}

/** Undefined for a digest of an algorithm that nothing is stored under here: so nothing refers to it. */
function subjectOf(text: string): Digest | undefined {
  const isForeign = DIGEST.test(text) && !isAlgorithm(text.slice(0, text.indexOf(':')))
  return isForeign ? undefined : requireDigest(text)
}

/** A page whose index a client will read: where annotations make it too large, a shorter one. */
async function pageOf({ referrers }: Registry, query: Query): Promise<{ body: string; next: string | undefined }> {
  const { repository, subject, artifactTypes, after } = query
  const filter = artifactTypes.length > 0 ? { artifactTypes, after } : { after }
  for (let limit = PAGE; ; limit = Math.ceil(limit / 4)) {
    const page = await referrers.list(repository, subject, { ...filter, limit })
    const body = indexOf(page.referrers)
    if (limit === 1 || Buffer.byteLength(body) <= INDEX_LIMIT_BYTES) return { body, next: page.next }
  }
}

function indexOf(manifests: readonly Descriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests })
}
