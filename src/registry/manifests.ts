/**
 * Manifests on `/v2/`: every one that is put is a finalised package (core-rules 19). A put of a live manifest changes
 * nothing; within the undelete grace it restores; later it starts a new generation with an id and history of its own.
 */
import { algorithmOf, type Digest, digestWith } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'
import { derivedUuid, isUuid } from './ids.ts'
import { OCI_MANIFEST_LIMIT_BYTES } from './manifest/media-types.ts'
import { type ParsedManifest, parseManifest } from './manifest/oci-manifest.ts'
import { packageFactsOf } from './manifest/oci-manifest-facts.ts'
import { createManifestCache } from './manifest-cache.ts'
import type { Reference, RepositoryName, Tag } from './names.ts'
import type { Manifest, Manifests } from './registry.ts'
import { ensureRepository, findRepository, getRepository } from './repositories.ts'
import { expiryOf } from './retention/classes.ts'
import { refuseRetainedManifest } from './retention/retained.ts'
import { refuseImmutableTags, refuseReservedTag, tagEvents } from './tags.ts'

interface ManifestRow {
  readonly package_id: string
  readonly digest: Digest
  readonly media_type: string
  readonly size: number
  readonly bytes: Uint8Array
}

const COLUMNS = 'm.package_id, m.digest, m.media_type, m.size, m.bytes'
// Subqueries and no joins: SQLite answers them in 4 microseconds where the equal joins take 19, and PostgreSQL plans both alike.
const REPOSITORY_ID = '(SELECT repository_id FROM repositories WHERE name = ?)'
const BY_TAG = `SELECT ${COLUMNS} FROM manifests m WHERE m.package_id =
  (SELECT package_id FROM tags WHERE repository_id = ${REPOSITORY_ID} AND name = ?)`
// Generations begin at 1, so `generation > 0` is always true: it makes SQLite take the index that has the digest in it and not
// the equally long match on (repository_id, status), which would walk through every manifest of the repository.
const BY_DIGEST = `SELECT ${COLUMNS} FROM manifests m
  WHERE m.repository_id = ${REPOSITORY_ID} AND m.digest = ? AND m.generation > 0 AND m.status = 'live'`

export function createManifests(core: Core): Manifests {
  const cache = createManifestCache(core.database)
  return {
    async put(request) {
      const { repository, reference, bytes, actor } = request
      if (bytes.length > OCI_MANIFEST_LIMIT_BYTES) throw tooLarge(bytes.length)
      const digest = digestFor(reference, bytes)
      const parsed = parseManifest(bytes, request.mediaType)
      const tags = [...new Set([...('tag' in reference ? [reference.tag] : []), ...(request.tags ?? [])])]
      const retentionClass = classOf(core, repository, parsed)
      const mayStore = request.mayStore ?? true
      const put: PutRequest = { repository, digest, parsed, bytes, tags, retentionClass, mayStore }
      const { packageId, missing } = await core.recorder.record(actor, (tx, now) => decidePut(core, tx, now, put))
      return { digest, packageId, subject: parsed.subject?.digest, tags, missing }
    },
    async get(repository, reference) {
      const { reader } = core.database
      const kept = cache?.find(repository, reference)
      if (kept) return kept
      const answer =
        'tag' in reference
          ? reader.get<ManifestRow>(BY_TAG, [repository, reference.tag])
          : reader.get<ManifestRow>(BY_DIGEST, [repository, reference.digest])
      const row = answer instanceof Promise ? await answer : answer
      if (!row) throw await unknown(reader, repository, reference)
      const manifest = toManifest(row)
      cache?.keep(repository, reference, manifest)
      return manifest
    },
    async remove(repository, digest, { actor }) {
      const { repository_id: repositoryId } = await getRepository(core.database.reader, repository)
      await core.recorder.record(actor, async (tx) => {
        const row = await tx.get<ManifestRow>(BY_DIGEST, [repository, digest])
        if (!row) throw await unknown(tx, repository, { digest })
        await refuseRetainedManifest(tx, repositoryId, row.package_id)
        await refuseImmutableTags(core, tx, repository, row.package_id)
        const payload = { repository_id: repositoryId, digest }
        return {
          events: [{ type: 'v1.manifest.deleted', subjectKind: 'package', subjectId: row.package_id, payload }],
          result: undefined,
        }
      })
    },
  }
}

interface PutRequest {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly parsed: ParsedManifest
  readonly bytes: Uint8Array
  readonly tags: readonly Tag[]
  readonly retentionClass: string
  readonly mayStore: boolean
}

async function decidePut(
  core: Core,
  tx: Sql,
  now: number,
  put: PutRequest,
): Promise<{ events: NewEvent[]; result: { packageId: string; missing: number } }> {
  const { id: repositoryId, events } = await ensureRepository(tx, core, put.repository)
  await refuseDeletedBlobs(tx, repositoryId, put.parsed)
  const stored = await storeEvents(core, tx, now, repositoryId, put)
  if (!put.mayStore && stored.events.length > 0) throw mayOnlyTag(put)
  const set: NewEvent[] = []
  for (const tag of put.tags) {
    await refuseReservedTag(tx, tag, stored.packageId)
    const { repository, digest } = put
    set.push(...(await tagEvents(tx, core, { repositoryId, repository, tag, packageId: stored.packageId, digest })))
  }
  const missing = await countMissing(tx, repositoryId, put.parsed)
  return { events: [...events, ...stored.events, ...set], result: { packageId: stored.packageId, missing } }
}

function mayOnlyTag({ repository, digest }: PutRequest): RegistryError {
  return new RegistryError(
    'denied',
    `You may tag what is in '${repository}' and not push to it, and ${digest} is not in it`,
    { field: 'reference' },
  )
}

/** Of what the manifest names, as far as clients are to fetch it from here: subjects may be missing, foreign layers are. */
async function countMissing(tx: Sql, repositoryId: string, parsed: ParsedManifest): Promise<number> {
  const own = parsed.edges.filter(({ kind, urls }) => kind !== 'subject' && urls === undefined)
  const named = new Set(own.map(({ digest }) => digest))
  let missing = 0
  for (const digest of [...named].slice(0, MISSING_LOOKED_AT)) {
    const found = await tx.get(
      `SELECT 1 AS there FROM blob_aliases a JOIN repository_blobs rb ON rb.blake3 = a.blake3
         WHERE a.alias = ? AND rb.repository_id = ? AND rb.linked = 1
       UNION ALL SELECT 1 AS there FROM manifests WHERE repository_id = ? AND digest = ? AND generation > 0 AND status = 'live' LIMIT 1`,
      [digest, repositoryId, repositoryId, digest],
    )
    if (!found) missing += 1
  }
  return missing
}
/** A warning needs no exact number, and a manifest can name thousands. */
const MISSING_LOOKED_AT = 50

async function storeEvents(
  core: Core,
  tx: Sql,
  now: number,
  repositoryId: string,
  put: PutRequest,
): Promise<{ packageId: string; events: NewEvent[] }> {
  const latest = await tx.get<{ package_id: string; status: string; generation: number; deleted_at: string | null }>(
    'SELECT package_id, status, generation, deleted_at FROM manifests WHERE repository_id = ? AND digest = ? ORDER BY generation DESC LIMIT 1',
    [repositoryId, put.digest],
  )
  if (latest?.status === 'live') return { packageId: latest.package_id, events: [] }
  if (latest?.deleted_at && now - Date.parse(latest.deleted_at) < core.undeleteGraceSeconds * 1_000) {
    const payload = { repository_id: repositoryId, digest: put.digest }
    const subject = { subjectKind: 'package', subjectId: latest.package_id } as const
    return { packageId: latest.package_id, events: [{ type: 'v1.manifest.restored', ...subject, payload }] }
  }
  const { packageId, generation } = await nextGeneration(tx, put, (latest?.generation ?? 0) + 1)
  return { packageId, events: creationEvents(core, now, { ...put, repositoryId, packageId, generation }) }
}

/** An erased package keeps its id for ever, so the same content put again takes the next one. */
async function nextGeneration(
  tx: Sql,
  put: PutRequest,
  first: number,
): Promise<{ packageId: string; generation: number }> {
  for (let generation = first; ; generation += 1) {
    const packageId = derivedUuid(put.repository, put.digest, String(generation))
    if (!(await tx.get('SELECT status FROM packages WHERE package_id = ?', [packageId])))
      return { packageId, generation }
  }
}

function creationEvents(
  core: Core,
  now: number,
  put: PutRequest & { repositoryId: string; packageId: string; generation: number },
): NewEvent[] {
  const subject = { subjectKind: 'package', subjectId: put.packageId } as const
  const retentionClass = core.retentionClasses.require(put.retentionClass)
  return [
    {
      type: 'v1.manifest.put',
      ...subject,
      payload: {
        repository_id: put.repositoryId,
        repository: put.repository,
        digest: put.digest,
        media_type: put.parsed.mediaType,
        bytes: put.bytes,
        generation: put.generation,
        native: false,
        retention_class: put.retentionClass,
        salt: core.ids.random(16),
      },
    },
    {
      type: 'v1.retention.default_applied',
      ...subject,
      payload: {
        retention_class: put.retentionClass,
        duration_seconds: retentionClass.durationSeconds,
        expires_at: expiryOf(retentionClass, now),
      },
    },
  ]
}

/** A digest that this repository had and no longer has must be pushed again; one that it never had may be missing. */
async function refuseDeletedBlobs(tx: Sql, repositoryId: string, parsed: ParsedManifest): Promise<void> {
  const deleted = await tx.get('SELECT blake3 FROM repository_blobs WHERE repository_id = ? AND linked = 0 LIMIT 1', [
    repositoryId,
  ])
  if (!deleted) return
  for (const { kind, digest } of parsed.edges) {
    if (kind === 'subject' || kind === 'manifest') continue
    const row = await tx.get(
      `SELECT rb.blake3 FROM blob_aliases a JOIN repository_blobs rb ON rb.blake3 = a.blake3
       WHERE a.alias = ? AND rb.repository_id = ? AND rb.linked = 0`,
      [digest, repositoryId],
    )
    if (!row) continue
    throw new RegistryError(
      'manifest-blob-unknown',
      `Blob ${digest} was deleted from this repository: push it again, then the manifest`,
      {
        field: 'digest',
        digest,
      },
    )
  }
}

/** Throws `manifest-invalid` listing the classes: a class that nobody defined keeps nothing (core-rules 23). */
function classOf(core: Core, repository: RepositoryName, parsed: ParsedManifest): string {
  const { retentionClass } = packageFactsOf(repository, parsed, core.classOfRepository(repository))
  if (core.retentionClasses.find(retentionClass)) return retentionClass
  const known = core.retentionClasses.all.map(({ name }) => name)
  throw new RegistryError(
    'manifest-invalid',
    `The manifest names the retention class '${retentionClass}', which does not exist: use one of ${known.join(', ')}`,
    { field: '/annotations/vnd.artifactstore.retention-class', known },
  )
}

function digestFor(reference: Reference, bytes: Uint8Array): Digest {
  if ('tag' in reference) return digestWith('sha256', bytes)
  const actual = digestWith(algorithmOf(reference.digest), bytes)
  if (actual === reference.digest) return actual
  throw new RegistryError('digest-mismatch', `The manifest hashes to ${actual}, not to ${reference.digest}`, {
    field: 'reference',
    expected: reference.digest,
    actual,
  })
}

function tooLarge(size: number): RegistryError {
  return new RegistryError(
    'manifest-too-large',
    `The manifest has ${size} bytes; at most ${OCI_MANIFEST_LIMIT_BYTES} are taken`,
    {
      limit: OCI_MANIFEST_LIMIT_BYTES,
      size,
    },
  )
}

function toManifest(row: ManifestRow): Manifest {
  return { packageId: row.package_id, digest: row.digest, mediaType: row.media_type, size: row.size, bytes: row.bytes }
}

async function unknown(sql: Sql, repository: RepositoryName, reference: Reference): Promise<RegistryError> {
  const found = await findRepository(sql, repository)
  if (!found) {
    return new RegistryError('repository-unknown', `There is no repository '${repository}'`, { field: 'name' })
  }
  const shown = 'tag' in reference ? `tag '${reference.tag}'` : reference.digest
  if ('tag' in reference && isUuid(reference.tag)) {
    // Of this repository only: what another holds is nobody's business here.
    const row = await sql.get<{ status: string }>(
      "SELECT status FROM packages WHERE package_id = ? AND repository_id = ? AND oci_digest IS NULL AND status <> 'erased'",
      [reference.tag, found.repository_id],
    )
    const why =
      row?.status === 'created'
        ? 'it is not finalized yet'
        : 'its OCI manifest would be over 4 MiB; read it through the native API'
    if (row)
      return new RegistryError('manifest-unknown', `Package ${reference.tag} has no OCI manifest: ${why}`, {
        field: 'reference',
      })
  }
  return new RegistryError('manifest-unknown', `Repository '${repository}' has no manifest for ${shown}`, {
    field: 'reference',
  })
}
