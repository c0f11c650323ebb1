/**
 * The repositories that hold something, as far as the one who asks may see them. What may be seen is a list of patterns:
 * each is looked up as a range of names, so that a page costs the same among any number of other people's repositories.
 */
import {
  ALL_REPOSITORIES,
  literalPrefix,
  matchesRepository,
  type RepositoryPattern,
} from './auth/repository-pattern.ts'
import type { Core } from './core.ts'
import type { Catalog } from './registry.ts'

/** Names looked at for one page, where patterns that begin with a wildcard match few. */
const SCANNED = 10_000
const STEP = 200
/** Sorts after every character of a repository name. */
const AFTER_ALL = '\u007f'

interface Range {
  readonly from: string
  readonly before: string
}

export function createCatalog(core: Core): Catalog {
  const { reader } = core.database
  const read = async ({ from, before }: Range, last: string): Promise<string[]> => {
    const rows = await reader.all<{ name: string }>(
      `SELECT r.name FROM repositories r WHERE r.name >= ? AND r.name > ? AND r.name < ?
         AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository_id = r.repository_id AND m.status = 'live')
       ORDER BY r.name LIMIT ?`,
      [from, last, before, STEP],
    )
    return rows.map((row) => row.name)
  }
  return {
    async list({ limit, last = '', patterns = [ALL_REPOSITORIES] }) {
      const wanted = patterns as readonly RepositoryPattern[]
      const found: string[] = []
      let [after, looked] = [last, 0]
      for (const range of rangesOf(wanted)) {
        for (let names = await read(range, after); names.length > 0; names = await read(range, after)) {
          found.push(...names.filter((name) => wanted.some((pattern) => matchesRepository(pattern, name))))
          if (found.length > limit) return { repositories: found.slice(0, limit), next: found[limit - 1]! }
          after = names.at(-1)!
          looked += names.length
          if (looked >= SCANNED) return { repositories: found, next: after }
          if (names.length < STEP) break
        }
      }
      return { repositories: found }
    },
  }
}

/** The ranges of names that the patterns can match, in order and without overlap. */
function rangesOf(patterns: readonly RepositoryPattern[]): Range[] {
  const prefixes = [...new Set(patterns.map(literalPrefix))].sort()
  return prefixes
    .filter((prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)))
    .map((prefix) => ({ from: prefix, before: `${prefix}${AFTER_ALL}` }))
}
