/**
 * Retention classes: how long a package must stay. The seeds are the operator guide's; a configuration changes their durations
 * and adds further ones. Who uses which for what: docs/retention.md.
 */
import { matchesRepository, type RepositoryPattern } from '../auth/repository-pattern.ts'
import { RegistryError } from '../errors.ts'

export interface RetentionClass {
  readonly name: string
  /** Seconds; null: no expiry. */
  readonly durationSeconds: number | null
}

/** In order of strength (core-rules 23): `user-managed`, then by duration, then `permanent-record`. */
export const RETENTION_CLASSES: readonly RetentionClass[] = [
  // What arrives through `/v2/`: nothing vanishes by itself, and who may delete may delete.
  { name: 'user-managed', durationSeconds: null },
  { name: 'transient', durationSeconds: 86_400 },
  { name: 'raw-evidence', durationSeconds: 7_776_000 },
  { name: 'summary-evidence', durationSeconds: 31_536_000 },
  { name: 'release-evidence', durationSeconds: 220_752_000 },
  { name: 'permanent-record', durationSeconds: null },
]
export const USER_MANAGED = 'user-managed'
export const PERMANENT_RECORD = 'permanent-record'

/** The classes of one server, in order of strength. */
export interface RetentionClasses {
  readonly all: readonly RetentionClass[]
  find(name: string): RetentionClass | undefined
  /** Throws `retention-class-unknown` listing the known ones. */
  require(name: string): RetentionClass
  /** Whether `next` keeps for longer than `current`, or as long under another name. A class is never changed to a shorter one. */
  isRaise(current: RetentionClass, next: RetentionClass): boolean
}

/** The seeds, with the durations of `configured` in the place of their own, and its further classes. */
export function createRetentionClasses(configured: readonly RetentionClass[] = []): RetentionClasses {
  const byName = new Map([...RETENTION_CLASSES, ...configured].map((one) => [one.name, one]))
  const all = [...byName.values()].sort((a, b) => strength(a) - strength(b) || (a.name < b.name ? -1 : 1))
  return {
    all,
    find: (name) => byName.get(name),
    require(name) {
      const found = byName.get(name)
      if (found) return found
      const known = all.map((one) => one.name)
      throw new RegistryError(
        'retention-class-unknown',
        `There is no retention class '${name}': use one of ${known.join(', ')}`,
        { field: 'retention_class', known },
      )
    },
    isRaise: (current, next) => current.name !== next.name && strength(next) >= strength(current),
  }
}

/** Seconds for which a class keeps at least: none, a number, or for ever. */
function strength({ name, durationSeconds }: RetentionClass): number {
  if (name === USER_MANAGED) return -1
  return durationSeconds ?? Number.POSITIVE_INFINITY
}

/** Which class pushes to a repository get that name none. */
export interface RepositoryClass {
  readonly repositories: readonly RepositoryPattern[]
  readonly retentionClass: string
}

/** The class of the first rule that matches a repository, else `fallback`. */
export function classByRepository(rules: readonly RepositoryClass[], fallback: string): (repository: string) => string {
  if (rules.length === 0) return () => fallback
  return (repository) =>
    rules.find(({ repositories }) => repositories.some((pattern) => matchesRepository(pattern, repository)))
      ?.retentionClass ?? fallback
}

/** ISO 8601; null for a class without expiry. `now` in milliseconds since the epoch. */
export function expiryOf(retentionClass: RetentionClass, now: number): string | null {
  if (retentionClass.durationSeconds === null) return null
  return new Date(now + retentionClass.durationSeconds * 1_000).toISOString()
}
