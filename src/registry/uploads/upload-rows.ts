/**
 * The working state of uploads: how many bytes are acknowledged, who is writing, and which are over. Rows live in the
 * database, so that any process can go on with an upload that another one began; a lease keeps two from writing at once
 * and lapses when its holder is gone.
 */
import { type Digest, parseDigest } from '../../storage/index.ts'
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import type { UploadFacts } from './upload-ids.ts'

export interface UploadRow {
  readonly upload_id: string
  readonly store_id: string
  readonly backend_id: string
  readonly size: number
  /** open | over | bound:<digest>, where the bytes may be a blob already that no event names yet */
  readonly state: string
  readonly lease_owner: string | null
  readonly lease_until: number
  readonly expires_at: number
}

/** A holder renews its lease well before it lapses. */
export const LEASE_MS = 10_000

export async function findUploadRow(sql: Sql, id: string): Promise<UploadRow | undefined> {
  return sql.get<UploadRow>(
    'SELECT upload_id, store_id, backend_id, size, state, lease_owner, lease_until, expires_at FROM uploads WHERE upload_id = ?',
    [id],
  )
}

/**
 * Throws `upload-unknown`, `upload-busy`, and `upload-offset-mismatch` where `at` is not the end of the upload. Returns the
 * row as it was: with an owner, where that one's lease lapsed.
 */
export async function leaseUpload(
  tx: Sql,
  id: string,
  facts: UploadFacts,
  options: { owner: string; now: number; at?: number; place: () => { storeId: string; backendId: string } },
): Promise<UploadRow> {
  const { owner, now, at } = options
  const row = await findUploadRow(tx, id)
  requireOpen(id, row)
  if (row?.lease_owner && row.lease_until > now) {
    throw new RegistryError(
      'upload-busy',
      'Another request is writing to this upload; ask for its status and go on from there',
      // How long at most: a writer that lives ends sooner, one that is gone never says so.
      { id, seconds: Math.ceil((row.lease_until - now) / 1000) },
    )
  }
  requireOffset(at, row?.size ?? 0)
  if (row) {
    await tx.run('UPDATE uploads SET lease_owner = ?, lease_until = ? WHERE upload_id = ?', [owner, now + LEASE_MS, id])
    return row
  }
  const { storeId, backendId } = options.place()
  await tx.run(
    `INSERT INTO uploads (upload_id, store_id, backend_id, size, state, lease_owner, lease_until, expires_at)
     VALUES (?, ?, ?, 0, 'open', ?, ?, ?)`,
    [id, storeId, backendId, owner, now + LEASE_MS, facts.expiresAt],
  )
  return {
    upload_id: id,
    store_id: storeId,
    backend_id: backendId,
    size: 0,
    state: 'open',
    lease_owner: null,
    lease_until: 0,
    expires_at: facts.expiresAt,
  }
}

export function requireOpen(id: string, row: UploadRow | undefined): void {
  if (row?.state === 'over') throw uploadUnknown(id)
}

const BOUND = 'bound:'

/**
 * Noted before the bytes become the blob `blake3`, so that whoever goes on after a failure finds them. False when the
 * lease is another's by now.
 */
export async function bindUpload(tx: Sql, id: string, owner: string, size: number, blake3: Digest): Promise<boolean> {
  const bound = await tx.run('UPDATE uploads SET state = ?, size = ? WHERE upload_id = ? AND lease_owner = ?', [
    `${BOUND}${blake3}`,
    size,
    id,
    owner,
  ])
  return bound > 0
}

/** The blob that the upload's bytes may have become; undefined when no completion got that far. */
export function boundTo(row: UploadRow): Digest | undefined {
  return row.state.startsWith(BOUND) ? parseDigest(row.state.slice(BOUND.length)) : undefined
}

/** Throws `upload-offset-mismatch`; `detail.size` is where the upload ends. */
export function requireOffset(at: number | undefined, size: number): void {
  if (at === undefined || at === size) return
  throw new RegistryError(
    'upload-offset-mismatch',
    `The upload has ${size} bytes, and these start at ${at}: go on from byte ${size}`,
    {
      size,
      at,
    },
  )
}

export function uploadUnknown(id: string): RegistryError {
  return new RegistryError(
    'upload-unknown',
    'There is no such upload here: it is over, has expired, or belongs to someone else',
    {
      id: id.slice(0, 64),
    },
  )
}

/** What a request is told that was held up for longer than its lease. */
export function leaseLost(id: string): RegistryError {
  return new RegistryError(
    'upload-busy',
    'This request was held up for so long that another one may have taken the upload over; ask for its status and go on from there',
    { id, seconds: 1 },
  )
}

export async function renewLease(tx: Sql, id: string, owner: string, now: number): Promise<void> {
  await tx.run('UPDATE uploads SET lease_until = ? WHERE upload_id = ? AND lease_owner = ?', [
    now + LEASE_MS,
    id,
    owner,
  ])
}

/** False when the lease is another's by now. */
export async function replaceStoreId(tx: Sql, id: string, owner: string, storeId: string): Promise<boolean> {
  const replaced = await tx.run('UPDATE uploads SET store_id = ? WHERE upload_id = ? AND lease_owner = ?', [
    storeId,
    id,
    owner,
  ])
  return replaced > 0
}

/** False when another request has taken the upload over: what this one wrote does not count. */
export async function endLease(tx: Sql, id: string, owner: string, size: number): Promise<boolean> {
  const ended = await tx.run(
    'UPDATE uploads SET size = ?, lease_owner = NULL, lease_until = 0 WHERE upload_id = ? AND lease_owner = ?',
    [size, id, owner],
  )
  return ended > 0 || (await findUploadRow(tx, id))?.state === 'over'
}

/** The id is used up: whatever comes with it later is unknown, until the row goes at its expiry. */
export async function closeUpload(tx: Sql, id: string, expiresAt: number): Promise<void> {
  await tx.run(
    `INSERT INTO uploads (upload_id, store_id, backend_id, size, state, lease_owner, lease_until, expires_at)
     VALUES (?, '', '', 0, 'over', NULL, 0, ?)
     ON CONFLICT (upload_id) DO UPDATE SET state = 'over', lease_owner = NULL, lease_until = 0`,
    [id, expiresAt],
  )
}

/** Leases of this server's predecessor on a database that one server owns: it is gone, so nobody waits for them. */
export async function breakLeases(tx: Sql): Promise<void> {
  await tx.run('UPDATE uploads SET lease_owner = NULL, lease_until = 0 WHERE lease_owner IS NOT NULL')
}
