/**
 * Who acted: events carry an opaque id, and this table says whose it is, so that a name can be erased while the log
 * stays (core-rules 9). Fixed identities, which are nobody's personal data, are their own id.
 */
import type { Sql } from './database/sql.ts'

const FIXED = /^(anonymous|local|job:.+)$/

/** The id of the identity called `name`, made on first use. Inside a write transaction only. */
export async function identityId(tx: Sql, name: string, ids: { uuid(): string }): Promise<string> {
  if (FIXED.test(name)) return name
  const known = await tx.get<{ identity_id: string }>('SELECT identity_id FROM identities WHERE name = ?', [name])
  if (known) return known.identity_id
  const id = ids.uuid()
  await tx.run('INSERT INTO identities (identity_id, name) VALUES (?, ?)', [id, name])
  return id
}

/** Names of the given ids; an id whose name was erased, and a fixed one, stands for itself. */
export async function identityNames(sql: Sql, identityIds: Iterable<string>): Promise<(id: string) => string> {
  const names = new Map<string, string>()
  for (const id of new Set(identityIds)) {
    if (FIXED.test(id)) continue
    const row = await sql.get<{ name: string | null }>('SELECT name FROM identities WHERE identity_id = ?', [id])
    if (row?.name) names.set(id, row.name)
  }
  return (id) => names.get(id) ?? id
}
