/** Referrers of a subject: manifests of the same repository that name it, in digest order, a page at a time. */
import type { Core } from './core.ts'
import { createReferrerIndexes } from './referrer-indexes.ts'
import { readReferrers } from './referrer-rows.ts'
import type { Descriptor, Referrers } from './registry.ts'
import { findRepository } from './repositories.ts'

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
        referrers: page.map(({ descriptor }) => JSON.parse(descriptor) as Descriptor),
        next: rows.length > limit ? page[page.length - 1]?.digest : undefined,
      }
    },
    index: createReferrerIndexes(reader),
  }
}
