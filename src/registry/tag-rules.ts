/**
 * Tags that never move: rules by repository and tag pattern. Tags of signature tools (`sha256-<hex>.sig` and the like, and
 * the referrers tag schema) are never under a rule: they are lists that grow, and cosign 2 puts them anew each time.
 */
import { matchesRepository, type RepositoryPattern } from './auth/repository-pattern.ts'
import type { Core } from './core.ts'
import { RegistryError } from './errors.ts'

export interface TagRule {
  readonly repositories: readonly RepositoryPattern[]
  /** Globs: `*` stands for any characters. */
  readonly immutable: readonly string[]
}

const GROWING = /^sha(?:256-[0-9a-f]{64}|512-[0-9a-f]{64,128})(?:\.[a-z]+)?$/

/** Throws `tag-immutable` where a rule keeps the tag. `deed`: what is about to happen to it. */
export function refuseImmutableTag(
  { tagRules }: Pick<Core, 'tagRules'>,
  repository: string,
  tag: string,
  deed: 'moved' | 'removed',
): void {
  const pattern = GROWING.test(tag) ? undefined : immutablePattern(tagRules, repository, tag)
  if (pattern === undefined) return
  throw new RegistryError(
    'tag-immutable',
    `Tag '${tag}' of '${repository}' cannot be ${deed}: tags like '${pattern}' are immutable there; push under a new tag`,
    { field: 'tag', pattern },
  )
}

function immutablePattern(rules: readonly TagRule[], repository: string, tag: string): string | undefined {
  return rules
    .filter(({ repositories }) => repositories.some((pattern) => matchesRepository(pattern, repository)))
    .flatMap(({ immutable }) => immutable)
    .find((pattern) => matchesTag(pattern, tag))
}

/** By the pieces between the stars: each is looked for after the one before, which needs no going back. */
function matchesTag(pattern: string, tag: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === tag
  const last = rest.pop()!
  if (!tag.startsWith(first) || !tag.endsWith(last) || tag.length < first.length + last.length) return false
  let at = first.length
  for (const piece of rest) {
    const found = tag.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return at <= tag.length - last.length
}
