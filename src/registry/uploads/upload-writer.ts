/** Writing to an upload under a lease: the bytes, their running hashes, and what a failure leaves. */
import {
  algorithmOf,
  type Content,
  createMultiHash,
  type Digest,
  hashContent,
  type MultiHash,
  StorageError,
} from '../../storage/index.ts'
import { backendOf, type Core, storageRefusal } from '../core.ts'
import { isRegistryError } from '../errors.ts'
import { received, requireSameDigest } from '../ingest.ts'
import type { UploadKey } from '../registry.ts'
import { pairOf } from '../repositories.ts'
import { recallUpload } from './recall-upload.ts'
import type { Running, RunningHashes } from './running-hashes.ts'
import { drop, rehash, type Staged, stagedUpload } from './staging.ts'
import { readUploadId, type UploadFacts } from './upload-ids.ts'
import {
  bindUpload,
  closeUpload,
  endLease,
  findUploadRow,
  LEASE_MS,
  leaseLost,
  leaseUpload,
  renewLease,
  type UploadRow,
  uploadUnknown,
} from './upload-rows.ts'

export interface Body {
  readonly content: Content
  readonly length?: number
}

/** An upload that this request may write to, until `work` of `withLease` ends. */
export interface Leased {
  readonly key: UploadKey
  readonly facts: UploadFacts
  row: UploadRow
  /** Whom the lease names. */
  readonly owner: string
  /** Bytes that will be acknowledged when the lease ends. */
  size: number
  /** Their hash, for whoever goes on. */
  running?: Running
}

export class UploadWriter {
  readonly #core: Core
  readonly #hashes: RunningHashes

  constructor(core: Core, hashes: RunningHashes) {
    this.#core = core
    this.#hashes = hashes
  }

  /** Throws `upload-unknown` for an id that is not this identity's in this scope, or has expired. */
  factsOf(key: UploadKey): UploadFacts {
    const facts = readUploadId(this.#core.uploadSecret, key.id, key, this.#core.clock())
    if (!facts) throw uploadUnknown(key.id)
    return facts
  }

  backendFor(key: Pick<UploadKey, 'repository'>): string {
    const { classOfRepository, defaultBackend, placement } = this.#core
    if (!key.repository) return defaultBackend
    const { producer } = pairOf(key.repository)
    return placement({ repository: key.repository, producer, retentionClass: classOfRepository(key.repository) })
  }

  /** Throws `upload-unknown`, `upload-busy`, `upload-offset-mismatch` before `work` begins. */
  async withLease<T>(key: UploadKey, at: number | undefined, work: (leased: Leased) => Promise<T>): Promise<T> {
    const { recorder, clock, ids } = this.#core
    const facts = this.factsOf(key)
    // Of this request, not of the process: another request here must not end a lease that it took over.
    const owner = ids.uuid()
    const place = () => ({ storeId: ids.uuid(), backendId: this.backendFor(key) })
    const row = await recorder.write((tx) => leaseUpload(tx, key.id, facts, { owner, now: clock(), at, place }))
    const leased: Leased = { key, facts, row, owner, size: row.size }
    const renewal = setInterval(() => {
      // A renewal that fails is made up for by the next one, and in the end by the lease's length.
      recorder.write((tx) => renewLease(tx, key.id, owner, clock())).catch(() => undefined)
    }, LEASE_MS / 3)
    const end = (): Promise<boolean> => {
      clearInterval(renewal)
      return recorder.write((tx) => endLease(tx, key.id, owner, leased.size))
    }
    let result: T
    try {
      leased.row = await recallUpload(this.#core, row, owner)
      result = await work(leased)
    } catch (error) {
      const thrown = await this.#cancelledOr(error, key.id)
      await end()
      throw thrown
    }
    const isHeld = await end()
    if (isHeld && leased.running) this.#hashes.keep(key.id, leased.running)
    if (isHeld) return result
    leased.running?.hash.abandon()
    throw leaseLost(key.id)
  }

  /** A cancellation waits for no lease: it takes the bytes away from under whoever is writing. */
  async #cancelledOr(error: unknown, id: string): Promise<unknown> {
    if (!(error instanceof StorageError || isRegistryError(error, 'upload-busy'))) return error
    const row = await findUploadRow(this.#core.database.reader, id)
    return row?.state === 'over' ? uploadUnknown(id) : error
  }

  /** Appends one body and lets its hash run on for the next. */
  async append(leased: Leased, body: Body): Promise<void> {
    const hash = await this.#write(leased, body, false)
    const sha512 = leased.facts.algorithm === 'sha512'
    if (hash) leased.running = { hash, size: leased.size, sha512 }
  }

  /** The whole upload, hashed and compared. A mismatch ends the upload: its bytes are of no use to anyone. */
  async finish(leased: Leased, wanted: Digest | undefined, last?: Body): Promise<Staged> {
    const { key, facts, row } = leased
    const place = { storeId: row.store_id, backendId: row.backend_id }
    const sha512 = wanted !== undefined && algorithmOf(wanted) === 'sha512'
    const running = await this.#runToEnd(leased, sha512, last)
    const digests = await (running ?? (await rehash(this.#core, place, sha512))).finish()
    try {
      if (wanted) requireSameDigest(wanted, digests)
    } catch (error) {
      await this.#core.recorder.write((tx) => closeUpload(tx, key.id, facts.expiresAt))
      await drop(this.#core, place)
      throw error
    }
    return stagedUpload(this.#core, place, digests)
  }

  /**
   * The finished upload becomes a blob. Where the event that names it is then not recorded, its acknowledged bytes are
   * fetched back by the next request.
   */
  async commit(leased: Leased, staged: Staged): Promise<void> {
    const isHeld = await this.#core.recorder.write((tx) =>
      bindUpload(tx, leased.key.id, leased.owner, leased.size, staged.digests.blake3),
    )
    if (!isHeld) throw leaseLost(leased.key.id)
    await staged.commit()
  }

  async #runToEnd(leased: Leased, sha512: boolean, last?: Body): Promise<MultiHash | undefined> {
    const { key, facts, row } = leased
    if (!last) {
      await backendOf(this.#core, row.backend_id).uploads.create(row.store_id)
      return this.#hashes.take(key.id, leased.size, sha512)
    }
    const hash = await this.#write(leased, last, true)
    if (!sha512 || facts.algorithm === 'sha512') return hash
    hash?.abandon()
    return undefined
  }

  /** Writes and hashes one body at the end of the upload. Without a running hash the whole is read again at the end. */
  async #write(leased: Leased, body: Body, ends: boolean): Promise<MultiHash | undefined> {
    const { key, facts, row } = leased
    const { uploads } = backendOf(this.#core, row.backend_id)
    const sha512 = facts.algorithm === 'sha512'
    const kept = this.#hashes.take(key.id, leased.size, sha512)
    const hash = kept ?? (leased.size === 0 ? createMultiHash({ sha512 }) : undefined)
    const bytes = received(body.content, body.length)
    try {
      await uploads.create(row.store_id)
      leased.size = await uploads.append(row.store_id, leased.size, hash ? hashContent(bytes, hash) : bytes, { ends })
      return hash
    } catch (error) {
      hash?.abandon()
      // The sender went away: what arrived is on disk and counts. Bytes of the wrong number do not.
      if (isRegistryError(error, 'content-incomplete')) leased.size = (await uploads.size(row.store_id)) ?? leased.size
      throw storageRefusal(error)
    }
  }
}
