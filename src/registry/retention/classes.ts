/** Retention classes: how long a package must stay. The seeds are the operator guide's. */
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

export function findRetentionClass(name: string): RetentionClass | undefined {
  return RETENTION_CLASSES.find((retentionClass) => retentionClass.name === name)
}

/** Throws `retention-class-unknown` listing the known ones. */
export function requireRetentionClass(name: string): RetentionClass {
  const found = findRetentionClass(name)
  if (found) return found
  const known = RETENTION_CLASSES.map((retentionClass) => retentionClass.name)
  throw new RegistryError(
    'retention-class-unknown',
    `There is no retention class '${name}': use one of ${known.join(', ')}`,
    {
      field: 'retention_class',
      known,
    },
  )
}

/** ISO 8601; null for a class without expiry. `now` in milliseconds since the epoch. */
export function expiryOf(retentionClass: RetentionClass, now: number): string | null {
  if (retentionClass.durationSeconds === null) return null
  return new Date(now + retentionClass.durationSeconds * 1_000).toISOString()
}
