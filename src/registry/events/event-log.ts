/**
 * The events table: appended to by `record.ts` alone, gapless in commit order, chained (core-rules 7).
 *
 *   payload_digest = BLAKE3(payload)
 *   chain          = BLAKE3(previous chain, sequence, created_at, type, subject kind, subject id, actor, payload_digest)
 *
 * in this order, the sequence as 8 bytes big-endian and each text with its length in bytes as 4 bytes big-endian
 * before it. The first event's previous chain is 32 zero bytes. A payload may be null: erased, its digest stays.
 */
import { hashOf } from '../../storage/index.ts'
import type { Row, Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { decodeStored, encodeCanonical } from '../manifest/canonical-cbor.ts'
import { isEventType, type NewEvent, type RecordedEvent } from './event.ts'

export interface LogHead {
  readonly sequence: number
  readonly chain: Uint8Array
  readonly createdAt: string
  /** Random, new on restore: a cursor of another epoch is refused. */
  readonly epoch: string
}

/** An event as stored, its payload not decoded. */
export interface StoredEvent {
  readonly sequence: number
  readonly createdAt: string
  readonly type: string
  readonly subjectKind: string
  readonly subjectId: string
  readonly actor: string
  readonly payload: Uint8Array | null
  readonly payloadDigest: Uint8Array
  readonly chain: Uint8Array
}

const COLUMNS = 'sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest, chain'

export async function readHead(sql: Sql, lock = ''): Promise<LogHead> {
  const row = await sql.get<{ sequence: number; chain: Uint8Array; created_at: string; epoch: string }>(
    `SELECT sequence, chain, created_at, epoch FROM log_head WHERE id = 1${lock}`,
  )
  if (!row) throw new RegistryError('log-broken', 'The event log has no head: the database is not a registry')
  return { sequence: row.sequence, chain: row.chain, createdAt: row.created_at, epoch: row.epoch }
}

export async function appendEvent(
  sql: Sql,
  head: LogHead,
  event: NewEvent,
  facts: { actor: string; createdAt: string },
): Promise<{ head: LogHead; recorded: RecordedEvent }> {
  const payload = event.encoded ?? encodeCanonical(event.payload)
  const stored = {
    sequence: head.sequence + 1,
    createdAt: facts.createdAt,
    type: event.type,
    subjectKind: event.subjectKind,
    subjectId: event.subjectId,
    actor: facts.actor,
    payload,
    payloadDigest: blake3(payload),
  }
  const chain = chainOf(head.chain, stored)
  await sql.run(`INSERT INTO events (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    stored.sequence,
    stored.createdAt,
    stored.type,
    stored.subjectKind,
    stored.subjectId,
    stored.actor,
    payload,
    stored.payloadDigest,
    chain,
  ])
  return {
    head: { sequence: stored.sequence, chain, createdAt: stored.createdAt, epoch: head.epoch },
    recorded: { ...stored, payload: event.payload } as RecordedEvent,
  }
}

export async function writeHead(sql: Sql, head: LogHead): Promise<void> {
  await sql.run('UPDATE log_head SET sequence = ?, chain = ?, created_at = ? WHERE id = 1', [
    head.sequence,
    head.chain,
    head.createdAt,
  ])
}

export async function readEvents(
  sql: Sql,
  after: number,
  limit: number,
  upTo = Number.MAX_SAFE_INTEGER,
): Promise<StoredEvent[]> {
  const rows = await sql.all(
    `SELECT ${COLUMNS} FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    [after, upTo, limit],
  )
  return rows.map(fromRow)
}

/** Decodes for the views. Throws `log-broken` for a type that this version does not know: replay must not guess. */
export function decodeEvent(stored: StoredEvent): RecordedEvent {
  if (!isEventType(stored.type)) {
    throw new RegistryError(
      'log-broken',
      `Event ${stored.sequence} is of the type '${stored.type}', which this version does not know: use the version that wrote it or a newer one`,
      { sequence: stored.sequence, type: stored.type },
    )
  }
  const payload = stored.payload === null ? null : decodeStored(stored.payload)
  return { ...stored, payload } as unknown as RecordedEvent
}

/** What is wrong with `stored` as the successor of `previous`; undefined when nothing is. */
export function chainProblem(
  previous: { sequence: number; chain: Uint8Array; createdAt: string },
  stored: StoredEvent,
): string | undefined {
  if (stored.sequence !== previous.sequence + 1) return `sequence ${previous.sequence + 1} is missing`
  if (stored.createdAt < previous.createdAt) return 'its time lies before that of the event before it'
  if (stored.payload && !same(blake3(stored.payload), stored.payloadDigest))
    return 'its payload does not match its digest'
  if (!same(chainOf(previous.chain, stored), stored.chain))
    return 'its chain value does not follow from the event before it'
  return undefined
}

export const CHAIN_START = new Uint8Array(32)

function chainOf(previous: Uint8Array, event: Omit<StoredEvent, 'chain' | 'payload'>): Uint8Array {
  const sequence = Buffer.alloc(8)
  sequence.writeBigUInt64BE(BigInt(event.sequence))
  const parts: Uint8Array[] = [previous, sequence]
  for (const text of [event.createdAt, event.type, event.subjectKind, event.subjectId, event.actor]) {
    const encoded = Buffer.from(text, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(encoded.length)
    parts.push(length, encoded)
  }
  parts.push(event.payloadDigest)
  return blake3(Buffer.concat(parts))
}

function blake3(bytes: Uint8Array): Uint8Array {
  return hashOf('blake3', bytes)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function fromRow(row: Row): StoredEvent {
  return {
    sequence: row.sequence as number,
    createdAt: row.created_at as string,
    type: row.event_type as string,
    subjectKind: row.subject_kind as string,
    subjectId: row.subject_id as string,
    actor: row.actor as string,
    payload: row.payload as Uint8Array | null,
    payloadDigest: row.payload_digest as Uint8Array,
    chain: row.chain as Uint8Array,
  }
}
