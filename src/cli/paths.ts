/** Relative paths inside a package, as this machine may read or write them. */

/** The registry's own limits (docs/architecture.md), checked here so that all bad names are told before any upload. */
const PATH_LIMIT_BYTES = 1024
const SEGMENT_LIMIT_BYTES = 255

/** Why `path` cannot be a path in a package, or must not be written to disk; undefined when it can. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'it is empty'
  if (!path.isWellFormed()) return 'it is not valid Unicode'
  if (Buffer.byteLength(path) > PATH_LIMIT_BYTES) return `it is longer than ${PATH_LIMIT_BYTES} bytes`
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'it is absolute'
  if (path.includes('\\')) return 'it holds a backslash'
  if (/\p{Cc}/u.test(path)) return 'it holds a control character'
  for (const segment of path.split('/')) {
    if (segment === '') return 'it has an empty segment'
    if (segment === '.' || segment === '..') return `it holds the segment '${segment}'`
    if (Buffer.byteLength(segment) > SEGMENT_LIMIT_BYTES) return `a segment is longer than ${SEGMENT_LIMIT_BYTES} bytes`
  }
  return undefined
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  cbor: 'application/cbor',
  css: 'text/css',
  csv: 'text/csv',
  gz: 'application/gzip',
  html: 'text/html',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  log: 'text/plain',
  md: 'text/markdown',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  tgz: 'application/gzip',
  toml: 'application/toml',
  txt: 'text/plain',
  wasm: 'application/wasm',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  zip: 'application/zip',
  zst: 'application/zstd',
}

/** By the name's ending; never by looking into the file, so that the same tree always gives the same package. */
export function mediaTypeOf(path: string): string {
  const dot = path.lastIndexOf('.')
  const ending = dot > path.lastIndexOf('/') ? path.slice(dot + 1).toLowerCase() : ''
  return MEDIA_TYPES[ending] ?? 'application/octet-stream'
}
