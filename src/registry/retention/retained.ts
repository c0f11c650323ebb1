/**
 * Who forbids a deletion. A manifest carries the strongest class and all holds of itself, of every live index above it and of
 * its subject (core-rules 23). A hold forbids always; a class other than `user-managed` until its time is over and a sweep
 * has said so.
 */
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { USER_MANAGED } from './classes.ts'

/** One of the packages that a package's deletion depends on, itself the first. */
export interface Keeper {
  readonly package_id: string
  readonly retention_class: string
  readonly expires_at: string | null
  /** 1 once a sweep found its time to be over. */
  readonly eligible: number
  /** Ids of the holds that stand. */
  readonly holds: readonly string[]
}

/** The package, every live index that lists it, the manifest that it refers to, and theirs. */
export async function* keepersOf(sql: Sql, repositoryId: string, packageId: string): AsyncGenerator<Keeper> {
  const seen = new Set<string>()
  const queue = [packageId]
  while (queue.length > 0) {
    const id = queue.pop()!
    if (seen.has(id)) continue
    seen.add(id)
    const keeper = await readKeeper(sql, id)
    if (keeper) yield keeper
    queue.push(...(await above(sql, repositoryId, id)))
  }
}

/** Throws `retained`, naming the package, its class, its expiry and its holds. With `now`, a class that is over keeps nothing. */
export async function refuseRetainedManifest(
  sql: Sql,
  repositoryId: string,
  packageId: string,
  now?: number,
): Promise<void> {
  for await (const keeper of keepersOf(sql, repositoryId, packageId)) {
    if (keeper.holds.length > 0) throw retained(keeper)
    const { retention_class, expires_at, eligible } = keeper
    const isOver = eligible === 1 || (now !== undefined && expires_at !== null && Date.parse(expires_at) <= now)
    if (retention_class !== USER_MANAGED && !isOver) throw retained(keeper)
  }
}

/** Throws `retained` when a hold stands on the package itself. */
export async function refuseHeld(sql: Sql, packageId: string): Promise<void> {
  const keeper = await readKeeper(sql, packageId)
  if (keeper && keeper.holds.length > 0) throw retained(keeper)
}

/** Throws `retained` when a package of this repository that must stay uses the blob. */
export async function refuseRetainedBlob(sql: Sql, repositoryId: string, blake3: string): Promise<void> {
  const users = await sql.all<{ package_id: string }>(
    `SELECT e.package_id FROM blobs b
       JOIN manifest_edges e ON e.repository_id = ? AND e.digest IN (b.blake3, b.sha256, b.sha512)
       JOIN manifests m ON m.package_id = e.package_id AND m.status = 'live'
     WHERE b.blake3 = ?
     UNION SELECT p.package_id FROM files f JOIN packages p ON p.package_id = f.package_id
     WHERE f.digest = ? AND p.repository_id = ? AND p.status IN ('created', 'finalized')`,
    [repositoryId, blake3, blake3, repositoryId],
  )
  for (const { package_id } of users) await refuseRetainedManifest(sql, repositoryId, package_id)
}

async function readKeeper(sql: Sql, id: string): Promise<Keeper | undefined> {
  const row = await sql.get<Omit<Keeper, 'holds'>>(
    `SELECT p.package_id, p.retention_class, s.expires_at, coalesce(s.eligible, 0) AS eligible
       FROM packages p LEFT JOIN retention_state s ON s.package_id = p.package_id WHERE p.package_id = ?`,
    [id],
  )
  return row && { ...row, holds: await standingHolds(sql, id) }
}

async function standingHolds(sql: Sql, packageId: string): Promise<string[]> {
  const rows = await sql.all<{ hold_id: string }>(
    'SELECT hold_id FROM holds WHERE package_id = ? AND released_at IS NULL ORDER BY hold_id',
    [packageId],
  )
  return rows.map((row) => row.hold_id)
}

/** Live indexes that list the manifest, and the live manifest that it refers to. */
async function above(sql: Sql, repositoryId: string, packageId: string): Promise<string[]> {
  const indexes = await sql.all<{ package_id: string }>(
    `SELECT e.package_id FROM manifests child
       JOIN manifest_edges e ON e.repository_id = child.repository_id AND e.digest = child.digest AND e.kind = 'manifest'
       JOIN manifests parent ON parent.package_id = e.package_id AND parent.status = 'live'
     WHERE child.package_id = ?`,
    [packageId],
  )
  const subjects = await sql.all<{ package_id: string }>(
    `SELECT m.package_id FROM manifest_edges e
       JOIN manifests m ON m.repository_id = e.repository_id AND m.digest = e.digest AND m.generation > 0 AND m.status = 'live'
     WHERE e.package_id = ? AND e.kind = 'subject' AND e.repository_id = ?`,
    [packageId, repositoryId],
  )
  return [...indexes, ...subjects].map((row) => row.package_id)
}

function retained({ package_id, retention_class, expires_at, holds }: Keeper): RegistryError {
  const held = holds.length === 1 ? `under the hold ${holds[0]}` : `under ${holds.length} holds (${holds.join(', ')})`
  const kept = `kept as '${retention_class}' ${expires_at ? `until ${expires_at}` : 'without an end'}`
  const rule =
    holds.length > 0
      ? 'a hold is released first'
      : `only '${USER_MANAGED}' content, and what a sweep has found to be over, is deleted on request`
  return new RegistryError('retained', `Package ${package_id} is ${holds.length > 0 ? held : kept}; ${rule}`, {
    package_id,
    retention_class,
    expires_at,
    holds,
  })
}
