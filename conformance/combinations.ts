/**
 * What is run, as data: every combination of suite, level of the specification, way of access and database. The rest of
 * this folder takes a combination and knows no list of its own.
 */

/** Distribution-spec main, and the last release of the older suite. */
export type SuiteName = 'newest' | 'v1.1.1'

/** OCI_VERSION of the newest suite: the released specification, and what main adds to it. */
export const LEVELS = ['1.1', 'dev'] as const
export type Level = (typeof LEVELS)[number]

/** How the suite comes in; `access.ts` says how each is driven. */
export const ACCESSES = ['anonymous', 'basic', 'token', 'tls'] as const
export type Access = (typeof ACCESSES)[number]

export const ENGINES = ['sqlite', 'postgresql'] as const
export type Engine = (typeof ENGINES)[number]

export interface Combination {
  readonly suite: SuiteName
  /** The older suite has one. */
  readonly level?: Level
  readonly access: Access
  readonly engine: Engine
}

const VARIANTS: readonly Pick<Combination, 'suite' | 'level'>[] = [
  ...LEVELS.map((level) => ({ suite: 'newest' as const, level })),
  { suite: 'v1.1.1' },
]

export const COMBINATIONS: readonly Combination[] = VARIANTS.flatMap((variant) =>
  ACCESSES.flatMap((access) => ENGINES.map((engine) => ({ ...variant, access, engine }))),
)

/** `newest dev token postgresql`, `v1.1.1 basic sqlite`. */
export function nameOf({ suite, level, access, engine }: Combination): string {
  return [suite, level, access, engine].filter((word) => word !== undefined).join(' ')
}

/** Those whose name has, for each word of `text`, a word that begins with it; `1.1` means the level, not the suite v1.1.1. */
export function chosen(text: string): readonly Combination[] {
  const wanted = text.split(/\s+/).filter((word) => word !== '')
  return COMBINATIONS.filter((combination) => {
    const words = nameOf(combination).split(' ')
    return wanted.every((word) => words.some((each) => each.startsWith(word)))
  })
}
