/**
 * How bytes become blobs: the events for bytes that are durable already (core-rules 14: only upload, mount and file
 * ingest link a blob to a repository), and the reading of bytes from clients.
 */
import { algorithmOf, type Content, type Digest, type Digests } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'

/** Events by which durable bytes are known under all their names and, with `repositoryId`, held by that repository. */
export async function blobEvents(
  tx: Sql,
  core: Core,
  facts: { digests: Digests; backendId: string; repositoryId?: string },
): Promise<NewEvent[]> {
  const { digests, backendId, repositoryId } = facts
  const { blake3, sha256, sha512, size } = digests
  const events: NewEvent[] = []
  const subject = { subjectKind: 'blob', subjectId: blake3 } as const
  const location = await tx.get<{ status: string }>(
    'SELECT status FROM storage_locations WHERE blake3 = ? AND backend_id = ?',
    [blake3, backendId],
  )
  if (!location) {
    const payload = { blake3, sha256, size, backend_id: backendId, location_id: core.ids.uuid() }
    events.push({ type: 'v1.blob.stored', ...subject, payload })
  } else if (location.status === 'failed') {
    const payload = { blake3, backend_id: backendId, verified: true, mismatch: null }
    events.push({ type: 'v1.storage.location_verified', ...subject, payload })
  }
  if (sha512 && !(await tx.get('SELECT blake3 FROM blob_aliases WHERE alias = ?', [sha512]))) {
    events.push({ type: 'v1.blob.alias_added', ...subject, payload: { alias: sha512 } })
  }
  if (repositoryId) events.push(...(await linkEvents(tx, repositoryId, blake3)))
  return events
}

export async function linkEvents(tx: Sql, repositoryId: string, blake3: string): Promise<NewEvent[]> {
  const link = await tx.get<{ linked: number }>(
    'SELECT linked FROM repository_blobs WHERE repository_id = ? AND blake3 = ?',
    [repositoryId, blake3],
  )
  if (link?.linked) return []
  return [{ type: 'v1.blob.linked', subjectKind: 'repository', subjectId: repositoryId, payload: { blake3 } }]
}

/** The one of the computed digests that `wanted` must equal. Throws `digest-mismatch`. */
export function requireSameDigest(wanted: Digest, digests: Digests): void {
  const actual = digests[algorithmOf(wanted)]
  if (actual === wanted) return
  throw new RegistryError(
    'digest-mismatch',
    `The ${digests.size} bytes received hash to ${actual}, not to ${wanted}: send the bytes again`,
    {
      field: 'digest',
      expected: wanted,
      actual,
    },
  )
}

/** The sender's failures told apart from the store's, and the number of bytes held to what was announced. */
export async function* received(content: Content, length?: number): AsyncGenerator<Uint8Array> {
  let size = 0
  try {
    for await (const chunk of content) {
      size += chunk.length
      if (length !== undefined && size > length) throw wrongLength(length, size, 'or more')
      yield chunk
    }
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw new RegistryError(
      'content-incomplete',
      `The body ended after ${size} bytes, before it was complete: send it again`,
      { size },
      { cause: error },
    )
  }
  if (length !== undefined && size < length) throw wrongLength(length, size, '')
}

function wrongLength(length: number, size: number, more: string): RegistryError {
  return new RegistryError(
    'size-mismatch',
    `The body has ${size} bytes${more ? ` ${more}` : ''} where ${length} were announced`,
    {
      field: 'size',
      expected: length,
      actual: size,
    },
  )
}
