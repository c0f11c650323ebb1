/**
 * Reading blobs, with the three answers kept apart: unknown here, denied to this repository (which looks the same from
 * outside), and damaged, which is an alarm and is never served (core-rules 16).
 */
import { Readable } from 'node:stream'
import {
  type ByteRange,
  canQuarantine,
  containsRange,
  type Digest,
  digestWith,
  StorageError,
} from '../storage/index.ts'
import { backendOf, type Core, storageRefusal } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { OpenedBlob } from './registry.ts'

export interface BlobRow {
  readonly blake3: Digest
  readonly size: number
  readonly backend_id: string
  readonly status: 'stored' | 'failed'
}

/** Up to this many bytes are read and verified before the first is sent. */
export const VERIFIED_BYTES = 1024 * 1024

/** As whoever asked named it. */
export interface ShownBlob {
  readonly digest: Digest
  readonly mediaType: string
}

const BLOB = `SELECT b.blake3, b.size, l.backend_id, l.status
  FROM blob_aliases a JOIN blobs b ON b.blake3 = a.blake3
    JOIN repository_blobs rb ON rb.blake3 = a.blake3 AND rb.linked = 1
    JOIN storage_locations l ON l.blake3 = a.blake3`

/** A blob as the repository of this id holds it; undefined when it does not. Stored locations come before failed ones. */
export async function findBlob(sql: Sql, repositoryId: string, digest: string): Promise<BlobRow | undefined> {
  return sql.get<BlobRow>(
    `${BLOB} WHERE a.alias = ? AND rb.repository_id = ? ORDER BY l.status DESC, l.backend_id LIMIT 1`,
    [digest, repositoryId],
  )
}

/** The same by the repository's name, in one look-up. */
export async function findBlobByName(sql: Sql, repository: string, digest: string): Promise<BlobRow | undefined> {
  return sql.get<BlobRow>(
    `${BLOB} JOIN repositories r ON r.repository_id = rb.repository_id
     WHERE a.alias = ? AND r.name = ? ORDER BY l.status DESC, l.backend_id LIMIT 1`,
    [digest, repository],
  )
}

export function blobUnknown(digest: string): RegistryError {
  return new RegistryError('blob-unknown', `There is no blob ${digest} here`, { field: 'digest', digest })
}

/** True when the store has the blob with the size that the log says; otherwise marks the location, and says false. */
export async function isIntact(core: Core, row: BlobRow): Promise<boolean> {
  if (row.status === 'failed') return false
  const stat = await onStore(() => backendOf(core, row.backend_id).blobs.stat(row.blake3))
  if (stat?.size === row.size) return true
  await markFailed(core, row, stat ? 'size' : 'missing')
  return false
}

/** Throws `range-invalid`, `content-missing`, `content-damaged`. */
export async function openBlob(core: Core, row: BlobRow, shown: ShownBlob, range?: ByteRange): Promise<OpenedBlob> {
  if (range && !containsRange(range, row.size)) {
    throw new RegistryError(
      'range-invalid',
      `The blob has ${row.size} bytes, and bytes ${range.first} to ${range.last} are not in it`,
      { size: row.size },
    )
  }
  if (row.status === 'failed') throw damaged(shown.digest)
  const { blobs } = backendOf(core, row.backend_id)
  if (row.size <= VERIFIED_BYTES) {
    const bytes = await readVerified(core, row, shown.digest)
    const part = range ? bytes.subarray(range.first, range.last + 1) : bytes
    return inMemory(row, shown, part)
  }
  const stat = await onStore(() => blobs.stat(row.blake3))
  if (stat?.size !== row.size) throw await failed(core, row, shown.digest, stat ? 'size' : 'missing')
  try {
    return { ...shown, size: row.size, content: await blobs.open(row.blake3, range) }
  } catch (error) {
    if (error instanceof StorageError && error.code === 'blob-missing')
      throw await failed(core, row, shown.digest, 'missing')
    throw storageRefusal(error)
  }
}

export function inMemory(row: BlobRow, shown: ShownBlob, bytes: Buffer): OpenedBlob {
  return {
    ...shown,
    size: row.size,
    bytes,
    // Made when asked for: a stream costs more than sending the bytes.
    get content() {
      return Readable.from([bytes], { objectMode: false })
    },
  }
}

async function readVerified(core: Core, row: BlobRow, digest: Digest): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of await backendOf(core, row.backend_id).blobs.open(row.blake3)) chunks.push(chunk)
  } catch (error) {
    if (error instanceof StorageError && error.code === 'blob-missing') throw await failed(core, row, digest, 'missing')
    throw storageRefusal(error)
  }
  const bytes = chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks)
  if (bytes.length !== row.size) throw await failed(core, row, digest, 'size')
  if (digestWith('blake3', bytes) !== row.blake3) throw await failed(core, row, digest, 'digest')
  return bytes
}

type Mismatch = 'missing' | 'size' | 'digest'

async function failed(core: Core, row: BlobRow, digest: Digest, mismatch: Mismatch): Promise<RegistryError> {
  await markFailed(core, row, mismatch)
  if (mismatch !== 'missing') return damaged(digest)
  return new RegistryError(
    'content-missing',
    `The bytes of ${digest} were stored and are gone; push the same content again to heal it`,
    { digest },
  )
}

function damaged(digest: Digest): RegistryError {
  return new RegistryError(
    'content-damaged',
    `The stored bytes of ${digest} are damaged and are not served; push the same content again to heal it`,
    { digest },
  )
}

const marking = new WeakMap<Core, Map<string, Promise<void>>>()

/** One reader of many that stumble over the same damage deals with it; the others wait for that. */
async function markFailed(core: Core, row: BlobRow, mismatch: Mismatch): Promise<void> {
  const running = marking.get(core) ?? new Map<string, Promise<void>>()
  marking.set(core, running)
  const key = `${row.backend_id} ${row.blake3}`
  const work = running.get(key) ?? dealWith(core, row, mismatch).finally(() => running.delete(key))
  running.set(key, work)
  await work
}

/**
 * Moves the bytes aside, so that a push of the same content stores it anew, records the damage and raises the alarm.
 * Aside first: in the other order a push in between would vouch for bytes that then go away.
 */
async function dealWith(core: Core, row: BlobRow, mismatch: Mismatch): Promise<void> {
  const { blobs } = backendOf(core, row.backend_id)
  if (!(await isStillBad(core, row, mismatch))) return
  // A store that takes no writes keeps them where they are; the location is failed, so nothing serves them.
  if (mismatch !== 'missing' && canQuarantine(blobs)) await blobs.quarantine(row.blake3).catch(() => false)
  const isNews = await core.recorder.record('job:verify', async (tx) => {
    if ((await statusOf(tx, row)) === 'failed') return { events: [], result: false }
    const payload = { blake3: row.blake3, backend_id: row.backend_id, verified: false, mismatch }
    return {
      events: [{ type: 'v1.storage.location_verified', subjectKind: 'blob', subjectId: row.blake3, payload }],
      result: true,
    }
  })
  const what = mismatch === 'missing' ? 'content-missing' : 'content-damaged'
  if (isNews) core.alarm(what, { blake3: row.blake3, backend: row.backend_id, mismatch })
}

/** Another may have dealt with it, and a push may have healed it, since this reader looked. */
async function isStillBad(core: Core, row: BlobRow, mismatch: Mismatch): Promise<boolean> {
  if ((await statusOf(core.database.reader, row)) === 'failed') return false
  const { blobs } = backendOf(core, row.backend_id)
  const stat = await onStore(() => blobs.stat(row.blake3))
  if (stat?.size !== row.size || mismatch !== 'digest') return stat?.size !== row.size
  try {
    const chunks: Uint8Array[] = []
    for await (const chunk of await blobs.open(row.blake3)) chunks.push(chunk)
    return digestWith('blake3', Buffer.concat(chunks)) !== row.blake3
  } catch {
    return true
  }
}

async function statusOf(sql: Sql, row: BlobRow): Promise<string | undefined> {
  const location = await sql.get<{ status: string }>(
    'SELECT status FROM storage_locations WHERE blake3 = ? AND backend_id = ?',
    [row.blake3, row.backend_id],
  )
  return location?.status
}

async function onStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageRefusal(error)
  }
}
