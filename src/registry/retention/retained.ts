/**
 * Who forbids a deletion. A manifest carries the strongest class of itself, of every live index above it and of its
 * subject (core-rules 23); only `user-managed` content goes when a client asks.
 */
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { USER_MANAGED } from './classes.ts'

interface Retainer {
  readonly package_id: string
  readonly retention_class: string
  readonly expires_at: string | null
}

const RETAINER = `SELECT p.package_id, p.retention_class, s.expires_at
  FROM packages p LEFT JOIN retention_state s ON s.package_id = p.package_id`

/** Throws `retained`, naming the package, its class and its expiry. With `now`, a class that is over keeps nothing. */
export async function refuseRetainedManifest(
  sql: Sql,
  repositoryId: string,
  packageId: string,
  now?: number,
): Promise<void> {
  const seen = new Set<string>()
  const queue = [packageId]
  while (queue.length > 0) {
    const id = queue.pop()!
    if (seen.has(id)) continue
    seen.add(id)
    const own = await sql.get<Retainer>(`${RETAINER} WHERE p.package_id = ? AND p.retention_class <> ?`, [
      id,
      USER_MANAGED,
    ])
    if (own && !isOver(own, now)) throw retained(own)
    queue.push(...(await above(sql, repositoryId, id)))
  }
}

function isOver({ expires_at }: Retainer, now: number | undefined): boolean {
  return now !== undefined && expires_at !== null && Date.parse(expires_at) <= now
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

/** Throws `retained` when a package of this repository that must stay uses the blob. */
export async function refuseRetainedBlob(sql: Sql, repositoryId: string, blake3: string): Promise<void> {
  const users = await sql.all<{ package_id: string }>(
    `SELECT e.package_id FROM blobs b
       JOIN manifest_edges e ON e.repository_id = ? AND e.digest IN (b.blake3, b.sha256, b.sha512)
       JOIN manifests m ON m.package_id = e.package_id AND m.status = 'live'
     WHERE b.blake3 = ?`,
    [repositoryId, blake3],
  )
  for (const { package_id } of users) await refuseRetainedManifest(sql, repositoryId, package_id)
  const file = await sql.get<Retainer>(
    `${RETAINER} JOIN files f ON f.package_id = p.package_id
     WHERE f.digest = ? AND p.repository_id = ? AND p.retention_class <> ? AND p.status IN ('created', 'finalized') LIMIT 1`,
    [blake3, repositoryId, USER_MANAGED],
  )
  if (file) throw retained(file)
}

function retained({ package_id, retention_class, expires_at }: Retainer): RegistryError {
  const until = expires_at ? `until ${expires_at}` : 'without an end'
  return new RegistryError(
    'retained',
    `Package ${package_id} is kept as '${retention_class}' ${until}; only '${USER_MANAGED}' content is deleted on request`,
    { package_id, retention_class, expires_at },
  )
}
