/** end-12: what refers to a manifest, as an OCI index. */
import { type ApiRequest, nextLink, type Reply } from '../http/index.ts'
import { OCI_INDEX, type Registry, requireDigest } from '../registry/index.ts'
import { type Digest, isAlgorithm } from '../storage/index.ts'
import { repositoryOf } from './params.ts'

const PAGE = 1000
/** oras reads no larger index, and descriptors carry annotations of any size. */
const INDEX_LIMIT_BYTES = 4 * 1024 * 1024
const EMPTY = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] })
/** image-spec descriptor.md: the grammar of digests of any algorithm. */
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/

/**
 * 200 for every well-formed digest, also of a repository that does not exist: oras and crane take a 404 for "no
 * referrers API here" and would fall back to tags. Throws `digest-invalid`.
 */
export async function listReferrers(registry: Registry, request: ApiRequest): Promise<Reply> {
  const repository = repositoryOf(request)
  // A media type has no spaces: an unescaped '+' of the query arrives as one.
  const artifactTypes = request.query.getAll('artifactType').map((type) => type.replaceAll(' ', '+'))
  const headers = {
    'Content-Type': OCI_INDEX,
    'OCI-Filters-Applied': artifactTypes.length > 0 ? 'artifactType' : undefined,
  }
  const subject = subjectOf(request.params.digest ?? '')
  if (subject === undefined) return { status: 200, headers, body: EMPTY }
  const after = request.query.get('after') ?? ''
  const page = { artifactTypes, after, limit: PAGE, indexBytes: INDEX_LIMIT_BYTES }
  const { bytes: body, next } = await registry.referrers.index(repository, subject, page)
  const path = `/v2/${repository}/referrers/${subject}`
  const link = next === undefined ? undefined : nextLink(path, { artifactType: artifactTypes, after: next })
  return { status: 200, headers: { ...headers, Link: link }, body }
}

/** Undefined for a digest of an algorithm that nothing is stored under here: so nothing refers to it. */
function subjectOf(text: string): Digest | undefined {
  const isForeign = DIGEST.test(text) && !isAlgorithm(text.slice(0, text.indexOf(':')))
  return isForeign ? undefined : requireDigest(text)
}
