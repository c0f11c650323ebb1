/** Referrers of a subject: manifests of the same repository that name it, in digest order, a page at a time. */
import type { Digest } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import type { Descriptor, Referrers } from './registry.ts'
import { findRepository } from './repositories.ts'

export interface ReferrerRow {
  readonly digest: Digest
  readonly package_id: string
  readonly media_type: string
  readonly artifact_type: string | null
  readonly size: number
  readonly annotations: string | null
}

export interface ReferrerQuery {
  readonly repositoryId: string
  readonly subject: string
  /** Digest after which the page begins; '' for the first. */
  readonly after: string
  /** Empty: of every type. */
  readonly artifactTypes: readonly string[]
  readonly limit: number
}

const PAGE = `SELECT digest, package_id, media_type, artifact_type, size, annotations FROM referrers
  WHERE repository_id = ? AND subject_digest = ? AND digest > ? AND live = 1`

/**
 * In digest order. A type at a time: with several in one statement no index has both the types and the order, and SQLite would
 * look at every referrer of the subject.
 */
export async function readReferrers(sql: Sql, query: ReferrerQuery): Promise<ReferrerRow[]> {
  const { repositoryId, subject, after, artifactTypes, limit } = query
  const params = [repositoryId, subject, after]
  if (artifactTypes.length === 0) return sql.all<ReferrerRow>(`${PAGE} ORDER BY digest LIMIT ?`, [...params, limit])
  const ofType = `${PAGE} AND artifact_type = ? ORDER BY digest LIMIT ?`
  const types = [...new Set(artifactTypes)]
  const found = await Promise.all(types.map((type) => sql.all<ReferrerRow>(ofType, [...params, type, limit])))
  return found
    .flat()
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    .slice(0, limit)
}

export function createReferrers(core: Core): Referrers {
  const { reader } = core.database
  return {
    async list(repository, subject, { artifactTypes = [], limit, after = '' }) {
      const row = await findRepository(reader, repository)
      if (!row) return { referrers: [] }
      const { repository_id: repositoryId } = row
      const rows = await readReferrers(reader, { repositoryId, subject, after, artifactTypes, limit: limit + 1 })
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
