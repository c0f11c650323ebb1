/** The repositories that hold something. */
import type { Core } from './core.ts'
import type { Catalog } from './registry.ts'

export function createCatalog(core: Core): Catalog {
  return {
    async list({ limit, last = '' }) {
      const rows = await core.database.reader.all<{ name: string }>(
        `SELECT r.name FROM repositories r WHERE r.name > ?
           AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository_id = r.repository_id AND m.status = 'live')
         ORDER BY r.name LIMIT ?`,
        [last, limit + 1],
      )
      const names = rows.map((row) => row.name)
      return { repositories: names.slice(0, limit), more: names.length > limit }
    },
  }
}
