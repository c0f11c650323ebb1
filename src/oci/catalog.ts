/** `GET /v2/_catalog` of the Docker Registry API v2: `oras repo ls`, `crane catalog`, `regctl repo ls`. */
import { type ApiRequest, EVERYTHING, missingCredential, nextLink, type Reply } from '../http/index.ts'
import type { Identity, Registry } from '../registry/index.ts'
import { CATALOG } from './challenge.ts'
import { jsonReply } from './headers.ts'
import { pageQuery } from './params.ts'

const DEFAULT_PAGE = 1000
const LARGEST_PAGE = 10_000

/**
 * Only what the caller may see. Without a credential it is refused wherever one could show more: clients send theirs
 * only when they are asked.
 */
export async function listRepositories({ access, catalog }: Registry, request: ApiRequest): Promise<Reply> {
  if (request.credential.kind === 'none' && !request.may('pull', EVERYTHING)) throw missingCredential([CATALOG])
  const { limit: wanted, last } = pageQuery(request)
  if (wanted === 0) return jsonReply({ repositories: [] })
  const limit = Math.min(wanted ?? DEFAULT_PAGE, LARGEST_PAGE)
  const patterns = access.patterns(request.identity as Identity, 'pull')
  const { repositories, next } = await catalog.list({ limit, patterns, ...(last === undefined ? {} : { last }) })
  const link = next === undefined ? undefined : nextLink('/v2/_catalog', { n: limit, last: next })
  return jsonReply({ repositories }, { Link: link })
}
