/** Tags: names that move. Those equal to a package id belong to that package and never move (core-rules 21). */
import type { Digest } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'
import { isUuid } from './ids.ts'
import type { RepositoryName, Tag } from './names.ts'
import { readPackage, readPackageRow } from './package-rows.ts'
import type { Tags } from './registry.ts'
import { getRepository } from './repositories.ts'
import { refuseImmutableTag } from './tag-rules.ts'

const TAG = 'SELECT package_id FROM tags WHERE repository_id = ? AND name = ?'

export function createTags(core: Core): Tags {
  const { reader } = core.database
  return {
    async list(repository, { limit, last = '' }) {
      const { repository_id } = await getRepository(reader, repository)
      const rows = await reader.all<{ name: string }>(
        'SELECT name FROM tags WHERE repository_id = ? AND name > ? ORDER BY name LIMIT ?',
        [repository_id, last, limit === undefined ? Number.MAX_SAFE_INTEGER : limit + 1],
      )
      const names = rows.map((row) => row.name)
      const more = limit !== undefined && names.length > limit
      return { tags: more ? names.slice(0, limit) : names, more }
    },
    async set(packageId, tag, { actor }) {
      await core.recorder.record(actor, async (tx) => {
        const row = await readPackageRow(tx, packageId)
        if (row.status !== 'finalized' || !row.oci_digest || !row.repository_id) throw untaggable(packageId, row.status)
        await refuseReservedTag(tx, tag, packageId)
        const digest = row.oci_digest as Digest
        const target = { repositoryId: row.repository_id, repository: row.repository!, tag, packageId, digest }
        return { events: await tagEvents(tx, core, target), result: undefined }
      })
      return readPackage(reader, packageId)
    },
    async remove(repository, tag, { actor, packageId }) {
      const { repository_id: repositoryId } = await getRepository(reader, repository)
      await core.recorder.record(actor, async (tx) => {
        await refuseReservedTag(tx, tag)
        const row = await tx.get<{ package_id: string }>(TAG, [repositoryId, tag])
        if (!row || (packageId !== undefined && row.package_id !== packageId)) {
          const owner = packageId === undefined ? `Repository '${repository}'` : `Package ${packageId}`
          throw new RegistryError('tag-unknown', `${owner} has no tag '${tag}'`, { field: 'tag' })
        }
        refuseImmutableTag(core, repository, tag, 'removed')
        const payload = { tag, salt: core.ids.random(16) }
        return {
          events: [{ type: 'v1.tag.deleted', subjectKind: 'repository', subjectId: repositoryId, payload }],
          result: undefined,
        }
      })
    },
  }
}

/** Nothing where the tag is there already. Throws `tag-immutable` where it is on another package and a rule keeps it there. */
export async function tagEvents(
  tx: Sql,
  core: Core,
  target: { repositoryId: string; repository: string; tag: string; packageId: string; digest: Digest },
): Promise<NewEvent[]> {
  const { repositoryId, repository, tag, packageId, digest } = target
  const row = await tx.get<{ package_id: string }>(TAG, [repositoryId, tag])
  if (row?.package_id === packageId) return []
  if (row) refuseImmutableTag(core, repository, tag, 'moved')
  const payload = { tag, package_id: packageId, digest, salt: core.ids.random(16) }
  return [{ type: 'v1.tag.set', subjectKind: 'repository', subjectId: repositoryId, payload }]
}

/** Throws `tag-reserved` for the id of a native package, unless the tag is to stay on that package. */
export async function refuseReservedTag(tx: Sql, tag: Tag, packageId?: string): Promise<void> {
  if (!isUuid(tag) || tag === packageId) return
  const owner = await tx.get<{ origin: string }>('SELECT origin FROM packages WHERE package_id = ?', [tag])
  if (!owner) return
  throw new RegistryError('tag-reserved', `Tag '${tag}' is the id of a package and stays on it: use another tag`, {
    field: 'tag',
  })
}

function untaggable(packageId: string, status: string): RegistryError {
  const why = status === 'finalized' ? 'it has no OCI manifest, since that would be over 4 MiB' : `it is ${status}`
  return new RegistryError('package-not-finalized', `Package ${packageId} cannot be tagged: ${why}`, {
    id: packageId,
    status,
  })
}

/** A manifest goes with its tags, so one that must not go keeps it. */
export async function refuseImmutableTags(
  core: Core,
  tx: Sql,
  repository: RepositoryName,
  packageId: string,
): Promise<void> {
  if (core.tagRules.length === 0) return
  const tags = await tx.all<{ name: string }>('SELECT name FROM tags WHERE package_id = ?', [packageId])
  for (const { name } of tags) refuseImmutableTag(core, repository, name, 'removed')
}
