/** What an identity may be allowed to do: a closed list, and the words of rules, scopes and refusals. */

export const ACTIONS = [
  /** Read manifests, blobs, tags, referrers, packages. */
  'pull',
  /** Upload, put manifests and packages, and set tags while doing so. */
  'push',
  /** Delete manifests, blobs and tags. */
  'delete',
  /** Set and remove tags on what is there already, without the right to push. */
  'tag',
  /** Issue and revoke tokens for these repositories, and ask who may do what in them. */
  'admin',
  /** Extend retention, raise a class. */
  'retain',
  'hold',
  'release',
  /** Sweep, collect, verify. */
  'collect',
  /** Read everything, events included, and change nothing. */
  'audit',
] as const
export type Action = (typeof ACTIONS)[number]

export function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text)
}

/** The right that brings another with it: nobody can read everything and not pull. */
const BROUGHT_BY: Partial<Record<Action, Action>> = { pull: 'audit' }

/** True when one who is allowed `allowed` may do `action`. */
export function includesAction(allowed: readonly Action[], action: Action): boolean {
  const wider = BROUGHT_BY[action]
  return allowed.includes(action) || (wider !== undefined && allowed.includes(wider))
}
