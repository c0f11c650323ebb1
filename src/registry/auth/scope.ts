/**
 * Scopes, in the grammar of the Docker token protocol: `type:name:action,action`. A name may contain ':' (a host with a
 * port), so the first and the last separate. Issued tokens carry scopes over patterns; access tokens over names.
 */
import { ACTIONS, type Action, includesAction, isAction } from './actions.ts'
import { coversPattern, parseRepositoryPattern, type RepositoryPattern } from './repository-pattern.ts'

/** What an issued token may do: all of its authority. */
export interface TokenScope {
  readonly repositories: RepositoryPattern
  readonly actions: readonly Action[]
}

/** What a client asked of the token service for one repository. */
export interface RequestedScope {
  readonly repository: string
  /** `*`: everything that it may. */
  readonly actions: readonly (Action | '*')[]
}

/** `repository:team/*:pull,push`; or a sentence about what is wrong with it. */
export function parseTokenScope(text: string): TokenScope | { readonly problem: string } {
  const parts = split(text)
  if (!parts || parts.type !== 'repository') {
    return {
      problem: "is no scope: write repository:<name or pattern>:<actions>, such as 'repository:team/*:pull,push'",
    }
  }
  const pattern = parseRepositoryPattern(parts.name)
  if (typeof pattern !== 'string') return { problem: `has a bad pattern: a pattern ${pattern.problem}` }
  const actions = parts.actions.split(',').map((action) => action.trim())
  const unknown = actions.find((action) => !isAction(action))
  if (unknown !== undefined) return { problem: `names the action '${unknown}': use some of ${ACTIONS.join(', ')}` }
  return { repositories: pattern, actions: [...new Set(actions as Action[])] }
}

export function showTokenScope({ repositories, actions }: TokenScope): string {
  return `repository:${repositories}:${actions.join(',')}`
}

/** True when one who has `held` may hand on `wanted`. */
export function coversScope(held: readonly TokenScope[], wanted: TokenScope): boolean {
  return wanted.actions.every((action) =>
    held.some(
      ({ repositories, actions }) =>
        includesAction(actions, action) && coversPattern(repositories, wanted.repositories),
    ),
  )
}

/**
 * What `scope=` asks for; several are separated by spaces. Other resource types and unknown actions are left out, as
 * the protocol has it: the answer then grants less, and is no error. `registry:catalog:*` needs no grant here.
 */
export function parseRequestedScopes(texts: readonly string[]): RequestedScope[] {
  const found = new Map<string, Set<Action | '*'>>()
  for (const text of texts.flatMap((each) => each.split(' '))) {
    const parts = split(text)
    if (!parts || !/^repository(?:\([a-z]+\))?$/.test(parts.type)) continue
    const actions = found.get(parts.name) ?? new Set()
    for (const action of parts.actions.split(',')) if (action === '*' || isAction(action)) actions.add(action)
    found.set(parts.name, actions)
  }
  return [...found].map(([repository, actions]) => ({ repository, actions: [...actions] }))
}

function split(text: string): { type: string; name: string; actions: string } | undefined {
  const first = text.indexOf(':')
  const last = text.lastIndexOf(':')
  if (first < 1 || last <= first + 1) return undefined
  return { type: text.slice(0, first), name: text.slice(first + 1, last), actions: text.slice(last + 1) }
}
