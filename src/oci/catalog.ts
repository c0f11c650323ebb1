/** `GET /v2/_catalog` of the Docker Registry API v2: `oras repo ls`, `crane catalog`, `regctl repo ls`. */
import { type ApiRequest, nextLink, type Reply } from '../http/index.ts'
import type { Registry } from '../registry/index.ts'
import { jsonReply } from './headers.ts'
import { pageQuery } from './params.ts'

const DEFAULT_PAGE = 1000
const LARGEST_PAGE = 10_000

export async function listRepositories({ catalog }: Registry, request: ApiRequest): Promise<Reply> {
  const { limit: wanted, last } = pageQuery(request)
  if (wanted === 0) return jsonReply({ repositories: [] })
  const limit = Math.min(wanted ?? DEFAULT_PAGE, LARGEST_PAGE)
  const { repositories, more } = await catalog.list({ limit, last })
  const next = more ? repositories.at(-1) : undefined
  const link = next === undefined ? undefined : nextLink('/v2/_catalog', { n: limit, last: next })
  return jsonReply({ repositories }, { Link: link })
}
