/**
 * Header syntax of parts and versions, as pure functions: Range and If-Range of downloads, Content-Range of uploads,
 * If-Match and If-None-Match. RFC 9110 sections 13 and 14, and the bare `a-b` form of OCI distribution-spec 1.1.
 */

/** Offsets from 0; `last` is inclusive. */
export interface Span {
  readonly first: number
  readonly last: number
}

/** What part of a representation of known size was asked for. */
export type RequestedRange =
  | { readonly kind: 'whole' }
  | ({ readonly kind: 'part' } & Span)
  | { readonly kind: 'unsatisfiable' }

const WHOLE: RequestedRange = { kind: 'whole' }
const UNSATISFIABLE: RequestedRange = { kind: 'unsatisfiable' }

/**
 * `size` in bytes. Units other than bytes, syntax errors and several ranges at once ask for the whole: RFC 9110 14.2
 * lets a server ignore Range, and clients that send several (zstd:chunked) cut the whole body themselves.
 */
export function requestedRange(header: string | undefined, size: number): RequestedRange {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? '')
  if (match === null) return WHOLE
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return WHOLE
  if (from === '') return suffixOf(Number(to), size)
  const first = Number(from)
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1)
  // A reversed range is invalid rather than unsatisfiable, but the conformance suite wants 416 for it too.
  return first >= size || last < first ? UNSATISFIABLE : { kind: 'part', first, last }
}

function suffixOf(length: number, size: number): RequestedRange {
  if (length === 0 || size === 0) return UNSATISFIABLE
  return { kind: 'part', first: Math.max(0, size - length), last: size - 1 }
}

/** The value of Content-Range in a 206, or in a 416 where `span` is absent. */
export function contentRangeOf(size: number, span?: Span): string {
  return span === undefined ? `bytes */${size}` : `bytes ${span.first}-${span.last}/${size}`
}

/**
 * Whether Range counts: If-Range must name this very version. Dates never do, because content here is known by its
 * digest; weak validators cannot promise equal bytes (RFC 9110 13.1.5).
 */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag
}

export interface UploadSpan extends Span {
  /** The whole upload's size, where the sender knows it. */
  readonly total?: number
}

/**
 * Where the body of a request belongs: `0-1023` (OCI) or `bytes 0-1023/4096` (RFC 9110 14.4, total `*` allowed).
 * Undefined when it is neither, reversed, or reaches beyond the total.
 */
export function parseContentRange(header: string): UploadSpan | undefined {
  const match = /^(?:(\d+)-(\d+)|bytes[ =](\d+)-(\d+)(?:\/(\d+|\*))?)$/.exec(header.trim())
  if (match === null) return undefined
  const [, ociFirst, ociLast, first = ociFirst, last = ociLast, size] = match
  const span = { first: Number(first), last: Number(last) }
  const total = size === undefined || size === '*' ? undefined : Number(size)
  if (!Number.isSafeInteger(span.last) || span.last < span.first) return undefined
  if (total === undefined) return span
  return span.last < total && Number.isSafeInteger(total) ? { ...span, total } : undefined
}

/** True when If-None-Match names `etag`: the client has it already. Compared weakly (RFC 9110 13.1.2). */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch !== undefined && listsEtag(ifNoneMatch, etag, { weak: true })
}

/** False when If-Match is there and does not name `etag`; undefined `etag`: nothing is there yet. */
export function ifMatchHolds(ifMatch: string | undefined, etag: string | undefined): boolean {
  if (ifMatch === undefined) return true
  return etag !== undefined && listsEtag(ifMatch, etag, { weak: false })
}

/** Entity tags without quotes count too: container clients send the bare digest. */
function listsEtag(header: string, etag: string, { weak }: { weak: boolean }): boolean {
  const bare = etag.slice(1, -1)
  return header.split(',').some((part) => {
    const candidate = part.trim()
    if (candidate === '*' || candidate === etag || candidate === bare) return true
    return weak && candidate === `W/${etag}`
  })
}
