/**
 * Uploads: bytes in any number of requests, resumable from any process. The acknowledged size lives in the database,
 * the bytes in the backend's upload store.
 *
 *   begin            an id, no row          (an id authenticates itself)
 *   append           lease -> bytes, fsync -> size, lease given back
 *   complete         lease -> last bytes -> digests -> commit -> events, and the upload is over
 *   receive          the same in one request, without a row
 */
import {
  algorithmOf,
  type Content,
  createMultiHash,
  type Digest,
  hashContent,
  type MultiHash,
} from '../../storage/index.ts'
import { backendOf, type Core, storageRefusal } from '../core.ts'
import { isRegistryError, RegistryError } from '../errors.ts'
import { type FileFacts, fileIngest, requireOpenPackage } from '../file-ingest.ts'
import { blobEvents, received, requireSameDigest } from '../ingest.ts'
import type { RepositoryName } from '../names.ts'
import type { StoredBlobFacts, Upload, UploadKey, Uploads } from '../registry.ts'
import { ensureRepository, pairOf } from '../repositories.ts'
import { createRunningHashes } from './running-hashes.ts'
import { commitStaged, drop, rehash, type Staged, stage } from './staging.ts'
import { issueUploadId, readUploadId, type UploadFacts } from './upload-ids.ts'
import {
  closeUpload,
  endLease,
  findUploadRow,
  LEASE_MS,
  leaseUpload,
  renewLease,
  requireOffset,
  requireOpen,
  type UploadRow,
  uploadUnknown,
} from './upload-rows.ts'

export function createUploads(core: Core): Uploads & { close(): void } {
  const { recorder, database } = core
  const hashes = createRunningHashes()

  const factsOf = (key: UploadKey): UploadFacts => {
    const facts = readUploadId(core.uploadSecret, key.id, key, core.clock())
    if (!facts) throw uploadUnknown(key.id)
    return facts
  }
  const shown = (id: string, size: number, { expiresAt }: UploadFacts): Upload => ({
    id,
    size,
    expiresAt: new Date(expiresAt).toISOString(),
  })
  const placeFor = (repository: RepositoryName | undefined): string => {
    if (!repository) return core.defaultBackend
    return core.placement({ repository, producer: pairOf(repository).producer, retentionClass: core.ociRetentionClass })
  }
  const lease = (key: UploadKey, facts: UploadFacts, at?: number): Promise<UploadRow> =>
    recorder.write((tx) =>
      leaseUpload(tx, key.id, facts, {
        owner: core.processId,
        now: core.clock(),
        at,
        place: () => ({ storeId: core.ids.uuid(), backendId: placeFor(key.repository) }),
      }),
    )

  /** Runs `work` while the lease is kept alive; gives it back with the size that `work` reached. */
  async function leased<T>(row: UploadRow, work: (reached: (size: number) => void) => Promise<T>): Promise<T> {
    let size = row.size
    const renewal = setInterval(() => {
      recorder.write((tx) => renewLease(tx, row.upload_id, core.processId, core.clock())).catch(() => undefined)
    }, LEASE_MS / 3)
    try {
      return await work((reached) => {
        size = reached
      })
    } finally {
      clearInterval(renewal)
      await recorder.write((tx) => endLease(tx, row.upload_id, core.processId, size))
    }
  }

  /** Writes and hashes one body at the end of the upload. Returns the new size; keeps the hash for the next body. */
  async function appendBytes(
    row: UploadRow,
    facts: UploadFacts,
    body: { content: Content; length?: number; ends?: boolean },
    reached: (size: number) => void,
  ): Promise<{ size: number; hash?: MultiHash; sha512: boolean }> {
    const { uploads } = backendOf(core, row.backend_id)
    const sha512 = facts.algorithm === 'sha512'
    const running = hashes.take(row.upload_id, row.size, sha512)
    const hash = running ?? (row.size === 0 ? createMultiHash({ sha512 }) : undefined)
    const bytes = received(body.content, body.length)
    try {
      await uploads.create(row.store_id)
      const size = await uploads.append(row.store_id, row.size, hash ? hashContent(bytes, hash) : bytes, {
        ends: body.ends,
      })
      reached(size)
      return { size, hash, sha512 }
    } catch (error) {
      hash?.abandon()
      // The sender went away: what arrived is on disk and counts. Bytes of the wrong number do not.
      if (isRegistryError(error, 'content-incomplete')) reached((await uploads.size(row.store_id)) ?? row.size)
      throw storageRefusal(error)
    }
  }

  async function append(
    key: UploadKey,
    content: Content,
    options: { at?: number; length?: number } = {},
  ): Promise<Upload> {
    const facts = factsOf(key)
    const row = await lease(key, facts, options.at)
    return leased(row, async (reached) => {
      const { size, hash, sha512 } = await appendBytes(row, facts, { content, length: options.length }, reached)
      if (hash) hashes.keep(key.id, { hash, size, sha512 })
      return shown(key.id, size, facts)
    })
  }

  /** The whole upload, hashed and compared. A mismatch ends the upload: its bytes are of no use to anyone. */
  async function finishBytes(
    key: UploadKey,
    facts: UploadFacts,
    row: UploadRow,
    wanted: { digest?: Digest },
    last: { content: Content; length?: number } | undefined,
    reached: (size: number) => void,
  ): Promise<Staged> {
    const place = { storeId: row.store_id, backendId: row.backend_id }
    const sha512 = wanted.digest !== undefined && algorithmOf(wanted.digest) === 'sha512'
    let hash = last ? undefined : hashes.take(key.id, row.size, sha512)
    if (last) {
      const appended = await appendBytes(row, facts, { ...last, ends: true }, reached)
      if (!sha512 || appended.sha512) hash = appended.hash
      else appended.hash?.abandon()
    } else {
      await backendOf(core, row.backend_id).uploads.create(row.store_id)
    }
    hash ??= await rehash(core, place, sha512)
    const digests = await hash.finish()
    try {
      if (wanted.digest) requireSameDigest(wanted.digest, digests)
    } catch (error) {
      await recorder.write((tx) => closeUpload(tx, key.id, facts.expiresAt))
      await drop(core, place)
      throw error
    }
    return { ...place, digests }
  }

  const linkBlob = (
    repository: RepositoryName,
    actor: string,
    staged: Staged,
    over?: { id: string; expiresAt: number },
  ) =>
    recorder.record(actor, async (tx) => {
      const { id, events } = await ensureRepository(tx, core, repository)
      const blob = await blobEvents(tx, core, {
        digests: staged.digests,
        backendId: staged.backendId,
        repositoryId: id,
      })
      if (over) await closeUpload(tx, over.id, over.expiresAt)
      return { events: [...events, ...blob], result: undefined }
    })

  const facts = (digest: Digest, { digests }: Staged): StoredBlobFacts => ({
    digest,
    blake3: digests.blake3,
    sha256: digests.sha256,
    size: digests.size,
  })

  const service: Uploads & { close(): void } = {
    async begin({ repository, actor, algorithm = 'sha256' }) {
      const expiresAt = Math.floor(core.clock() / 1_000 + core.uploadExpirySeconds) * 1_000
      const facts = { expiresAt, algorithm }
      const id = issueUploadId(core.uploadSecret, core.ids.random(16), { repository, actor }, facts)
      return shown(id, 0, facts)
    },
    async status(key) {
      const facts = factsOf(key)
      const row = await findUploadRow(database.reader, key.id)
      requireOpen(key.id, row)
      return shown(key.id, row?.size ?? 0, facts)
    },
    append,
    async complete(key, digest, last) {
      const repository = key.repository
      if (!repository) throw uploadUnknown(key.id)
      const uploadFacts = factsOf(key)
      const over = { id: key.id, expiresAt: uploadFacts.expiresAt }
      const known = await findUploadRow(database.reader, key.id)
      requireOpen(key.id, known)
      if (!known && last) {
        // All bytes in this request: nothing to go on from, so nothing to remember.
        requireOffset(last.at, 0)
        return receiveBlob(
          core,
          { repository, digest, content: last.content, length: last.length, backendId: placeFor(repository) },
          (staged) => linkBlob(repository, key.actor, staged, over),
        )
      }
      const row = await lease(key, uploadFacts, last?.at)
      return leased(row, async (reached) => {
        const staged = await finishBytes(key, uploadFacts, row, { digest }, last, reached)
        await commitStaged(core, staged)
        await linkBlob(repository, key.actor, staged, over)
        return facts(digest, staged)
      })
    },
    async completeAsFile(key, packageId, file, expected = {}) {
      const uploadFacts = factsOf(key)
      await requireOpenPackage(core, packageId, file.path)
      const row = await lease(key, uploadFacts)
      return leased(row, async (reached) => {
        requireSize(expected.size, row.size)
        const staged = await finishBytes(key, uploadFacts, row, { digest: expected.digest }, undefined, reached)
        await commitStaged(core, staged)
        const ingested: FileFacts = { digests: staged.digests, backendId: staged.backendId }
        return fileIngest(core, packageId, file, ingested, (tx) => closeUpload(tx, key.id, uploadFacts.expiresAt))
      })
    },
    async receive({ repository, actor, digest, content, length }) {
      return receiveBlob(core, { repository, digest, content, length, backendId: placeFor(repository) }, (staged) =>
        linkBlob(repository, actor, staged),
      )
    },
    async cancel(key) {
      const uploadFacts = factsOf(key)
      const row = await recorder.write(async (tx) => {
        const found = await findUploadRow(tx, key.id)
        requireOpen(key.id, found)
        await closeUpload(tx, key.id, uploadFacts.expiresAt)
        return found
      })
      hashes.drop(key.id)
      if (row) await drop(core, { storeId: row.store_id, backendId: row.backend_id })
    },
    close: () => hashes.clear(),
  }
  return service
}

/** A body that arrives whole: staged, compared, committed, recorded; dropped at the first of these that fails. */
async function receiveBlob(
  core: Core,
  request: { repository: RepositoryName; digest: Digest; content: Content; length?: number; backendId: string },
  link: (staged: Staged) => Promise<unknown>,
): Promise<StoredBlobFacts> {
  const staged = await stage(core, request.backendId, request.content, {
    length: request.length,
    wanted: request.digest,
  })
  try {
    requireSameDigest(request.digest, staged.digests)
    await commitStaged(core, staged)
  } catch (error) {
    await drop(core, staged)
    throw error
  }
  await link(staged)
  const { blake3, sha256, size } = staged.digests
  return { digest: request.digest, blake3, sha256, size }
}

function requireSize(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return
  throw new RegistryError(
    'size-mismatch',
    `The upload has ${actual} bytes where ${expected} were announced: go on from byte ${actual}`,
    {
      field: 'size',
      expected,
      actual,
    },
  )
}
