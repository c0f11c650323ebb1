/** end-8: the tags of a repository. */
import { type ApiRequest, nextLink, type Reply } from '../http/index.ts'
import type { Registry } from '../registry/index.ts'
import { jsonReply } from './headers.ts'
import { pageQuery, repositoryOf } from './params.ts'

/** Without `n` all tags come in one page: helm and the conformance suite follow no Link. */
export async function listTags({ tags }: Registry, request: ApiRequest): Promise<Reply> {
  const name = repositoryOf(request)
  const { limit, last } = pageQuery(request)
  // "n=0 MUST return an empty list and no Link"; the look-up still tells an unknown repository.
  const page = await tags.list(name, { limit: limit === 0 ? 1 : limit, last })
  if (limit === 0) return jsonReply({ name, tags: [] })
  const next = page.more ? page.tags.at(-1) : undefined
  const link = next === undefined ? undefined : nextLink(`/v2/${name}/tags/list`, { n: limit, last: next })
  return jsonReply({ name, tags: page.tags }, { Link: link })
}
