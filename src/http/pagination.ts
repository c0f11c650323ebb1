/** Pages of a list: the Link header of the next one and the reading of a page size. */

export type PageQuery = Readonly<Record<string, string | number | readonly string[] | undefined>>

/**
 * `</path?query>; rel="next"` (RFC 8288). Path-absolute: Go clients refuse a link to another scheme or host, and a server
 * behind a proxy does not know what it is called outside.
 */
export function nextLink(path: string, query: PageQuery): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const each of typeof value === 'object' ? value : [value]) parameters.append(name, String(each))
  }
  return `<${path}?${parameters}>; rel="next"`
}

/** A non-negative decimal integer; undefined for anything else. */
export function parseCount(text: string): number | undefined {
  if (!/^\d{1,15}$/.test(text)) return undefined
  return Number(text)
}
