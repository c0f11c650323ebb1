/** Lists of the native API, all pages of them. */
import { LIMITS } from '../native-api/wire.ts'
import type { ApiClient } from './api-client.ts'

interface Listing {
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Entries a page. Default: as many as the server gives. */
  readonly limit?: number
}

/** `itemsOf`: the entries of one page. */
export async function allPages<P extends { readonly next_cursor: string | null }, T>(
  api: ApiClient,
  { path, query = {}, limit = LIMITS.pageMaximum }: Listing,
  itemsOf: (page: P) => readonly T[],
): Promise<readonly T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const asked = new URLSearchParams({ ...query, limit: String(limit), ...(cursor === null ? {} : { cursor }) })
    const page: P = await api.json<P>({ path, query: asked })
    items.push(...itemsOf(page))
    cursor = page.next_cursor
  } while (cursor !== null)
  return items
}
