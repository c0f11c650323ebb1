/**
 * Who may do what where, as one pure decision. Nothing is allowed that no rule allows. What anonymous readers may do,
 * everybody may: dropping a credential would give it to them anyway.
 */
import { ACTIONS, type Action, includesAction } from './actions.ts'
import type { Identity } from './identity.ts'
import { ALL_REPOSITORIES, matchesRepository, type RepositoryPattern } from './repository-pattern.ts'
import { coversScope, showTokenScope, type TokenScope } from './scope.ts'

export interface AccessRule {
  /** Names of tokens and users, `anonymous`, `@tokens` (those of the configuration), `@users`, `*` (both). */
  readonly identities: readonly string[]
  readonly repositories: readonly RepositoryPattern[]
  readonly allow: readonly Action[]
  /** How an explanation calls it, such as `access.rules[2]`. */
  readonly origin: string
}

export interface Policy {
  readonly rules: readonly AccessRule[]
}

/** All repositories at once: what names none, such as the feed of events. */
export const EVERYTHING = '*'
/** At least one repository, which the request itself narrows down later. */
export const SOMEWHERE = '?'

export interface Decision {
  readonly allowed: boolean
  /** The rule, scope or circumstance that allows it; absent when nothing does. */
  readonly by?: string
}

const DENIED: Decision = Object.freeze({ allowed: false })
const ALL: readonly TokenScope[] = [{ repositories: ALL_REPOSITORIES, actions: ACTIONS }]

/** One right of an identity, with what it comes from. */
interface Grant {
  readonly scopes: readonly TokenScope[]
  readonly origin: string
}

/** Pure. `on`: a repository's name, `EVERYTHING` or `SOMEWHERE`. Says nothing about what an access token narrows. */
export function authorize(policy: Policy, identity: Identity, action: Action, on: string): Decision {
  for (const { scopes, origin } of grantsOf(policy, identity)) {
    for (const { repositories, actions } of scopes) {
      if (includesAction(actions, action) && reaches(repositories, on)) return { allowed: true, by: origin }
    }
  }
  return DENIED
}

/** The patterns of all repositories in which the identity may do it. */
export function patternsFor(policy: Policy, identity: Identity, action: Action): readonly RepositoryPattern[] {
  return grantsOf(policy, identity).flatMap(({ scopes }) =>
    scopes.filter(({ actions }) => includesAction(actions, action)).map(({ repositories }) => repositories),
  )
}

/** Whether the identity may hand the scope on: it administers these repositories and may itself do all of it. */
export function mayGrant(policy: Policy, identity: Identity, wanted: TokenScope): boolean {
  const held = grantsOf(policy, identity).flatMap(({ scopes }) => scopes)
  return coversScope(held, { ...wanted, actions: [...wanted.actions, 'admin'] })
}

function reaches(pattern: RepositoryPattern, on: string): boolean {
  if (on === SOMEWHERE) return true
  if (on === EVERYTHING) return pattern === ALL_REPOSITORIES
  return matchesRepository(pattern, on)
}

/** By the identity itself, which is the same object for many requests; the rules do not change. */
const known = new WeakMap<Identity, { readonly policy: Policy; readonly grants: readonly Grant[] }>()

function grantsOf(policy: Policy, identity: Identity): readonly Grant[] {
  const before = known.get(identity)
  if (before?.policy === policy) return before.grants
  const grants = findGrants(policy, identity)
  known.set(identity, { policy, grants })
  return grants
}

function findGrants(policy: Policy, identity: Identity): readonly Grant[] {
  switch (identity.kind) {
    case 'local':
    case 'job':
      return [{ scopes: ALL, origin: 'whoever can open the database itself may do everything' }]
    case 'issued':
      return [...scopesOf(identity), ...rulesFor(policy, ['anonymous'])]
    default:
      return rulesFor(policy, [identity.name, ...groupsOf(identity)])
  }
}

function scopesOf({ scopes = [], tokenId }: Identity): Grant[] {
  return scopes.map((scope) => ({
    scopes: [scope],
    origin: `the scope '${showTokenScope(scope)}' of token ${tokenId}`,
  }))
}

function groupsOf({ kind }: Identity): readonly string[] {
  if (kind === 'static') return ['@tokens', '*', 'anonymous']
  return kind === 'user' ? ['@users', '*', 'anonymous'] : []
}

function rulesFor({ rules }: Policy, names: readonly string[]): readonly Grant[] {
  return rules
    .filter(({ identities }) => names.some((name) => identities.includes(name)))
    .map(({ repositories, allow, origin }) => ({
      scopes: repositories.map((pattern) => ({ repositories: pattern, actions: allow })),
      origin,
    }))
}
