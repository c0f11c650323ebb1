/**
 * Globs over repository names, as rules and token scopes write them: `*` stands for any characters within a segment,
 * `**` for any number of whole segments, none included, and a final '/' for everything below. Matching takes time
 * proportional to pattern times name at worst: patterns come from people, and none may stop the server.
 */
import { REPOSITORY_NAME_LIMIT } from '../names.ts'

declare const brand: unique symbol
/** The canonical text of a pattern that was parsed. */
export type RepositoryPattern = string & { readonly [brand]: 'RepositoryPattern' }

export const ALL_REPOSITORIES = '**' as RepositoryPattern

const SEGMENT = /^(?:\*\*|[a-z0-9._*-]+)$/

/** The pattern, or a sentence about what is wrong with it. */
export function parseRepositoryPattern(text: string): RepositoryPattern | { readonly problem: string } {
  const canonical = text.endsWith('/') ? `${text}**` : text
  if (canonical === '' || canonical.length > REPOSITORY_NAME_LIMIT) {
    return { problem: `has 1 to ${REPOSITORY_NAME_LIMIT} characters` }
  }
  const bad = canonical
    .split('/')
    .find((segment) => !SEGMENT.test(segment) || /\*\*./.test(segment) || /.\*\*/.test(segment))
  if (bad === undefined) return canonical as RepositoryPattern
  return {
    problem:
      "consists of lower-case letters, digits, '.', '_' and '-' in segments separated by '/', with '*' for any characters within a segment and '**' alone for any number of segments",
  }
}

export function matchesRepository(pattern: RepositoryPattern, name: string): boolean {
  // Nearly all patterns are names or folders, and each request is held against some: no lists for these.
  const wild = pattern.indexOf('*')
  if (wild < 0) return pattern === name
  if (wild === pattern.length - 2 && pattern.endsWith('**')) {
    const folder = pattern.slice(0, Math.max(0, wild - 1))
    return wild === 0 || name === folder || name.startsWith(pattern.slice(0, wild))
  }
  return matchesAll(pattern.split('/'), name.split('/'), { isMany: isAnySegments, matchesOne: matchesSegment })
}

/** True when everything that `inner` matches is matched by `outer`. May say no where yes is true, never the reverse. */
export function coversPattern(outer: RepositoryPattern, inner: RepositoryPattern): boolean {
  if (outer === ALL_REPOSITORIES || outer === inner) return true
  return matchesAll(outer.split('/'), inner.split('/'), {
    isMany: isAnySegments,
    matchesOne: (wide, narrow) => !isAnySegments(narrow) && (wide === narrow || wide === '*' || isWithin(wide, narrow)),
  })
}

function isWithin(wide: string, narrow: string): boolean {
  return !narrow.includes('*') && matchesSegment(wide, narrow)
}

/** What every name that the pattern matches begins with. */
export function literalPrefix(pattern: RepositoryPattern): string {
  const wild = pattern.indexOf('*')
  if (wild < 0) return pattern
  // `team/**` matches `team` too.
  return pattern.slice(0, wild).replace(/\/$/, '')
}

function isAnySegments(segment: string): boolean {
  return segment === '**'
}

function matchesSegment(pattern: string, segment: string): boolean {
  if (!pattern.includes('*')) return pattern === segment
  return matchesAll([...pattern], [...segment], { isMany: (part) => part === '*', matchesOne: (a, b) => a === b })
}

/** Wildcards over a list, with one mark to go back to: the last wildcard that was tried takes one more each time. */
function matchesAll(
  pattern: readonly string[],
  parts: readonly string[],
  by: { isMany: (part: string) => boolean; matchesOne: (pattern: string, part: string) => boolean },
): boolean {
  let [p, i, many, mark] = [0, 0, -1, 0]
  while (i < parts.length) {
    const wanted = pattern[p]
    if (wanted !== undefined && by.isMany(wanted)) {
      many = p
      mark = i
      p += 1
    } else if (wanted !== undefined && by.matchesOne(wanted, parts[i]!)) {
      p += 1
      i += 1
    } else if (many >= 0) {
      mark += 1
      i = mark
      p = many + 1
    } else return false
  }
  return pattern.slice(p).every(by.isMany)
}
