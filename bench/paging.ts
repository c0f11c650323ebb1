/** Lists that come in pages. */
import type { PushClient } from './push-client.ts'

type Body = Readonly<Record<string, unknown>>

/** What is in all pages, following `Link` (RFC 8288) as clients do. */
export async function allPages<T>(
  client: PushClient,
  path: string,
  itemsOf: (body: Body) => readonly T[],
): Promise<readonly T[]> {
  const all: T[] = []
  let next: string | undefined = path
  while (next !== undefined) {
    const { body, headers } = await client.get(next)
    all.push(...itemsOf(JSON.parse(body.toString()) as Body))
    const [, target] = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(headers.link ?? '')) ?? []
    // A relative one, such as zot's without a leading slash, is relative to the path asked.
    next =
      target === undefined
        ? undefined
        : new URL(target, new URL(next, 'http://registry.example')).href.replace(/^http:\/\/[^/]+/, '')
  }
  return all
}
