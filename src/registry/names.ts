/**
 * Names, parsed once at the edge and branded inside: repository, tag, reference, relative path.
 * Grammars: OCI distribution-spec main (1.1.1+dev), "Pulling manifests"; paths: core-rules 22.
 */
import { type Digest, parseDigest } from '../storage/index.ts'
import { RegistryError } from './errors.ts'

declare const brand: unique symbol
export type RepositoryName = string & { readonly [brand]: 'RepositoryName' }
export type Tag = string & { readonly [brand]: 'Tag' }
export type RelativePath = string & { readonly [brand]: 'RelativePath' }
export type Reference = { readonly tag: Tag } | { readonly digest: Digest }

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
/** Clients cap host + "/" + name at 255 characters. */
export const REPOSITORY_NAME_LIMIT = 255
/** Bytes of UTF-8: what file systems and archives carry. */
export const PATH_LIMIT_BYTES = 1024
export const PATH_SEGMENT_LIMIT_BYTES = 255

/** Throws `name-invalid`. */
export function parseRepositoryName(text: string): RepositoryName {
  if (text.length > 0 && text.length <= REPOSITORY_NAME_LIMIT && REPOSITORY.test(text)) return text as RepositoryName
  throw new RegistryError(
    'name-invalid',
    `'${printable(text)}' is not a repository name: use lower-case letters, digits, '.', '_' and '-' in segments separated by '/', at most ${REPOSITORY_NAME_LIMIT} characters`,
    { field: 'name' },
  )
}

export function isTag(text: string): text is Tag {
  return TAG.test(text)
}

/** Throws `tag-invalid`. */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text
  throw new RegistryError(
    'tag-invalid',
    `'${printable(text)}' is not a tag: use 1 to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'`,
    { field: 'tag' },
  )
}

/** Throws `digest-invalid`. */
export function requireDigest(text: string, field = 'digest'): Digest {
  const digest = parseDigest(text)
  if (digest) return digest
  throw new RegistryError(
    'digest-invalid',
    `'${printable(text)}' is not a digest: use blake3:<64 hex>, sha256:<64 hex> or sha512:<128 hex>, lower case`,
    { field },
  )
}

/** A segment with ':' is an attempt at a digest and never a tag. Throws `digest-invalid` or `tag-invalid`. */
export function parseReference(text: string): Reference {
  return text.includes(':') ? { digest: requireDigest(text, 'reference') } : { tag: parseTag(text) }
}

/** Why `text` cannot be a path inside a package; undefined when it can. */
export function pathProblem(text: string): string | undefined {
  if (text === '') return 'it is empty'
  if (!text.isWellFormed()) return 'it is not valid Unicode text'
  // Under NFC some texts grow, and that is what the database's index holds.
  if (Math.max(Buffer.byteLength(text), Buffer.byteLength(text.normalize('NFC'))) > PATH_LIMIT_BYTES)
    return `it is longer than ${PATH_LIMIT_BYTES} bytes`
  if (text.startsWith('/') || /^[A-Za-z]:/.test(text)) return 'it is absolute'
  if (text.includes('\\')) return "it contains '\\'; separate segments with '/'"
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return 'it contains a control character'
  for (const segment of text.split('/')) {
    if (segment === '') return 'it has an empty segment'
    if (segment === '.' || segment === '..') return `it contains the segment '${segment}'`
    if (Buffer.byteLength(segment) > PATH_SEGMENT_LIMIT_BYTES) {
      return `a segment is longer than ${PATH_SEGMENT_LIMIT_BYTES} bytes`
    }
  }
  return undefined
}

/** Throws `path-invalid`. */
export function parseRelativePath(text: string, field = 'relative_path'): RelativePath {
  const problem = pathProblem(text)
  if (problem === undefined) return text as RelativePath
  throw new RegistryError(
    'path-invalid',
    `'${printable(text)}' cannot be a path in a package: ${problem}; use a relative path such as reports/summary.json`,
    { field },
  )
}

/** Two paths with the same key are the same file name on some of our users' disks (NFC against NFD). */
export function pathKey(path: RelativePath): string {
  return path.normalize('NFC')
}

/** What may stand in an error: bounded, and without characters that could forge a log line or a terminal sequence. */
export function printable(text: string): string {
  const bounded = text.length > 120 ? `${text.slice(0, 120)}…` : text
  // biome-ignore lint/suspicious/noControlCharactersInRegex: replacing them is the point
  return bounded.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}
