/**
 * Uploads: bytes in any number of requests, resumable from any process. The acknowledged size lives in the database,
 * the bytes in the backend's upload store.
 *
 *   begin            an id, no row          (an id authenticates itself)
 *   append           lease -> bytes, fsync -> size, lease given back
 *   complete         lease -> last bytes -> digests -> commit -> events, and the upload is over
 *   receive          the same in one request, without a row
 */
import type { Digest } from '../../storage/index.ts'
import type { Core } from '../core.ts'
import { RegistryError } from '../errors.ts'
import { fileIngest, requireOpenPackage } from '../file-ingest.ts'
import { blobEvents, requireSameDigest } from '../ingest.ts'
import type { RepositoryName } from '../names.ts'
import type { File, NewFile, StoredBlobFacts, Upload, UploadKey, Uploads } from '../registry.ts'
import { ensureRepository } from '../repositories.ts'
import { createRunningHashes } from './running-hashes.ts'
import { drop, type Staged, stage } from './staging.ts'
import { issueUploadId } from './upload-ids.ts'
import { closeUpload, findUploadRow, requireOffset, requireOpen, uploadUnknown } from './upload-rows.ts'
import { type Body, UploadWriter } from './upload-writer.ts'

export function createUploads(core: Core): Uploads & { close(): void } {
  const hashes = createRunningHashes()
  const writer = new UploadWriter(core, hashes)
  return {
    async begin({ repository, actor, algorithm = 'sha256' }) {
      const expiresAt = Math.floor(core.clock() / 1_000 + core.uploadExpirySeconds) * 1_000
      const id = issueUploadId(core.uploadSecret, core.ids.random(16), { repository, actor }, { expiresAt, algorithm })
      return shown(id, 0, expiresAt)
    },
    async status(key) {
      const { expiresAt } = writer.factsOf(key)
      const row = await findUploadRow(core.database.reader, key.id)
      requireOpen(key.id, row)
      return shown(key.id, row?.size ?? 0, expiresAt)
    },
    append: (key, content, { at, length } = {}) =>
      writer.withLease(key, at, async (leased) => {
        await writer.append(leased, { content, length })
        return shown(key.id, leased.size, leased.facts.expiresAt)
      }),
    complete: (key, digest, last) => complete(core, writer, key, digest, last),
    completeAsFile: (key, packageId, file, expected = {}) =>
      completeAsFile(core, writer, { key, packageId, file, expected }),
    async receive({ repository, actor, digest, content, length }) {
      const staged = await receiveBlob(core, writer.backendFor({ repository }), digest, { content, length })
      return linkBlob(core, { repository, actor, digest, staged })
    },
    async cancel(key) {
      const { expiresAt } = writer.factsOf(key)
      const row = await core.recorder.write(async (tx) => {
        const found = await findUploadRow(tx, key.id)
        requireOpen(key.id, found)
        await closeUpload(tx, key.id, expiresAt)
        return found
      })
      hashes.drop(key.id)
      if (row) await drop(core, { storeId: row.store_id, backendId: row.backend_id })
    },
    close: () => hashes.clear(),
  }
}

function shown(id: string, size: number, expiresAt: number): Upload {
  return { id, size, expiresAt: new Date(expiresAt).toISOString() }
}

async function complete(
  core: Core,
  writer: UploadWriter,
  key: UploadKey,
  digest: Digest,
  last?: Body & { at?: number },
): Promise<StoredBlobFacts> {
  const { repository, actor, id } = key
  if (!repository) throw uploadUnknown(id)
  const over = { id, expiresAt: writer.factsOf(key).expiresAt }
  const row = await findUploadRow(core.database.reader, id)
  requireOpen(id, row)
  if (!row && last) {
    // All bytes in this request: nothing to go on from, so nothing to remember.
    requireOffset(last.at, 0)
    const staged = await receiveBlob(core, writer.backendFor(key), digest, last)
    return linkBlob(core, { repository, actor, digest, staged, over })
  }
  return writer.withLease(key, last?.at, async (leased) => {
    const staged = await writer.finish(leased, digest, last)
    await writer.commit(leased, staged)
    return linkBlob(core, { repository, actor, digest, staged, over })
  })
}

async function completeAsFile(
  core: Core,
  writer: UploadWriter,
  request: { key: UploadKey; packageId: string; file: NewFile; expected: { digest?: Digest; size?: number } },
): Promise<File> {
  const { key, packageId, file, expected } = request
  const { expiresAt } = writer.factsOf(key)
  await requireOpenPackage(core, packageId, file.path)
  return writer.withLease(key, undefined, async (leased) => {
    requireSize(expected.size, leased.size)
    const staged = await writer.finish(leased, expected.digest)
    await writer.commit(leased, staged)
    return fileIngest(core, packageId, file, staged, (tx) => closeUpload(tx, key.id, expiresAt))
  })
}

/** A body that arrives whole: staged, compared, committed; dropped at the first of these that fails. */
async function receiveBlob(core: Core, backendId: string, digest: Digest, body: Body): Promise<Staged> {
  const staged = await stage(core, backendId, body.content, { length: body.length, wanted: digest })
  try {
    requireSameDigest(digest, staged.digests)
    await staged.commit()
    return staged
  } catch (error) {
    await staged.discard()
    throw error
  }
}

/** Records that the repository holds the committed bytes, and that the upload they came by is over. */
async function linkBlob(
  core: Core,
  link: {
    repository: RepositoryName
    actor: string
    digest: Digest
    staged: Staged
    over?: { id: string; expiresAt: number }
  },
): Promise<StoredBlobFacts> {
  const { digests, backendId } = link.staged
  await core.recorder.record(link.actor, async (tx) => {
    const { id, events } = await ensureRepository(tx, core, link.repository)
    const blob = await blobEvents(tx, core, { digests, backendId, repositoryId: id })
    if (link.over) await closeUpload(tx, link.over.id, link.over.expiresAt)
    return { events: [...events, ...blob], result: undefined }
  })
  const { blake3, sha256, size } = digests
  return { digest: link.digest, blake3, sha256, size }
}

function requireSize(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return
  throw new RegistryError(
    'size-mismatch',
    `The upload has ${actual} bytes where ${expected} were announced: go on from byte ${actual}`,
    { field: 'size', expected, actual },
  )
}
