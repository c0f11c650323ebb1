/** Referrers of a subject: manifests of the same repository that name it, in digest order, a page at a time. */
import type { Digest } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { SqlValue } from './database/sql.ts'
import type { Descriptor, Referrers } from './registry.ts'
import { findRepository } from './repositories.ts'

interface ReferrerRow {
  readonly digest: Digest
  readonly media_type: string
  readonly artifact_type: string | null
  readonly size: number
  readonly annotations: string | null
}

export function createReferrers(core: Core): Referrers {
  const { reader } = core.database
  return {
    async list(repository, subject, { artifactTypes = [], limit, after = '' }) {
      const row = await findRepository(reader, repository)
      if (!row) return { referrers: [] }
      const types = artifactTypes.length > 0 ? `AND artifact_type IN (${artifactTypes.map(() => '?').join(', ')})` : ''
      const params: SqlValue[] = [row.repository_id, subject, after, ...artifactTypes, limit + 1]
      const rows = await reader.all<ReferrerRow>(
        `SELECT digest, media_type, artifact_type, size, annotations FROM referrers
         WHERE repository_id = ? AND subject_digest = ? AND digest > ? AND live = 1 ${types} ORDER BY digest LIMIT ?`,
        params,
      )
      const page = rows.slice(0, limit)
      return {
        referrers: page.map(toDescriptor),
        next: rows.length > limit ? page[page.length - 1]?.digest : undefined,
      }
    },
  }
}

function toDescriptor(row: ReferrerRow): Descriptor {
  return {
    mediaType: row.media_type,
    digest: row.digest,
    size: row.size,
    ...(row.artifact_type ? { artifactType: row.artifact_type } : {}),
    ...(row.annotations ? { annotations: JSON.parse(row.annotations) as Record<string, string> } : {}),
  }
}
