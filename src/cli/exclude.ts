/**
 * Patterns of `--exclude`, as in .gitignore: `*` and `?` stay within a segment, `**` crosses segments, `[a-z]` is one
 * character of a set; names that begin with a dot match like others (Node's `matchesGlob` leaves them out). A pattern
 * without '/' is for names at any depth, one with '/' for paths from the root. What is below an excluded folder is
 * excluded.
 */
import { usageError } from './failure.ts'

export type Exclusion = (path: string) => boolean

/** Throws a usage error for a pattern that is none. */
export function parseExclusions(patterns: readonly string[]): Exclusion {
  const rules = patterns.map((given) => {
    const pattern = given.replace(/^\.\//, '').replace(/\/+$/, '')
    return { isPath: pattern.includes('/'), expression: expressionOf(pattern.replace(/^\//, ''), given) }
  })
  return (path) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    return rules.some(({ isPath, expression }) => expression.test(isPath ? path : name))
  }
}

function expressionOf(pattern: string, given: string): RegExp {
  if (pattern === '') throw usageError(`--exclude '${given}' is empty`)
  const source = pattern.replace(
    /\*\*\/|\*\*|\*|\?|\[(!?)([^\]]+)\]|[\\^$.|+(){}[\]]/g,
    (token, negated?: string, set?: string) => {
      if (token === '**/') return '(?:[^/]+/)*'
      if (token === '**') return '.*'
      if (token === '*') return '[^/]*'
      if (token === '?') return '[^/]'
      if (set !== undefined) return `[${negated ? '^/' : ''}${set.replace(/[\\^[\]]/g, '\\$&')}]`
      return `\\${token}`
    },
  )
  try {
    return new RegExp(`^${source}$`, 'su')
  } catch {
    throw usageError(`--exclude '${given}' is not a pattern; use *, ?, ** and [a-z]`)
  }
}
