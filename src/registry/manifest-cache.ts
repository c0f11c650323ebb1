/**
 * Manifests by the name they were last asked by. Pulls ask for the same few tags over and over. An entry counts only
 * while the database is unchanged; where the engine cannot tell, nothing is kept (core-rules 5).
 */
import { ByteCache } from './byte-cache.ts'
import type { Database } from './database/sql.ts'
import type { Reference } from './names.ts'
import type { Manifest } from './registry.ts'

/** Of manifests kept: small beside what a server needs anyway. */
const LIMIT_BYTES = 8 * 1024 * 1024

export interface ManifestCache {
  find(repository: string, reference: Reference): Manifest | undefined
  /** Call it in the turn of the look-up: later the version may be another's. */
  keep(repository: string, reference: Reference, manifest: Manifest): void
}

export function createManifestCache(database: Database): ManifestCache | undefined {
  const { readVersion } = database
  if (readVersion === undefined) return undefined
  const kept = new ByteCache<Manifest>(LIMIT_BYTES)
  let version = Number.NaN
  return {
    find(repository, reference) {
      const now = readVersion()
      if (now === version) return kept.get(keyOf(repository, reference))
      version = now
      kept.clear()
      return undefined
    },
    keep(repository, reference, manifest) {
      if (readVersion() === version) kept.set(keyOf(repository, reference), manifest, manifest.size)
    },
  }
}

/** A tag has no ':' and a repository no ' ', so no two names share a key. */
function keyOf(repository: string, reference: Reference): string {
  return `${repository} ${'tag' in reference ? reference.tag : reference.digest}`
}
