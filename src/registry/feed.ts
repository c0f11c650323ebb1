/**
 * The log, outward: in commit order, only what is on disk (core-rules 2), with cursors that know their epoch
 * (core-rules 8): `<epoch>.<sequence>`. Waiting readers are woken by this process's own flushes and look again now and
 * then for those of others.
 */
import { type Digest, digestOf } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { SqlValue } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import { readHead } from './events/event-log.ts'
import { identityNames } from './identities.ts'
import { decodeCanonical } from './manifest/canonical-cbor.ts'
import { requireLimit } from './package-list.ts'
import type { EventFeed, FeedEvent } from './registry.ts'

/** How often a waiting reader looks for events of other processes. */
const POLL_MS = 500
/** Events looked at for one page, so that a rare type does not cost a walk through the whole log in one request. */
const SCANNED = 10_000

export function createFeed(core: Core): EventFeed & { close(): Promise<void> } {
  const closing = new AbortController()
  const reading = new Set<Promise<unknown>>()
  return {
    async read(request) {
      requireLimit(request.limit)
      const signal = request.signal ? AbortSignal.any([request.signal, closing.signal]) : closing.signal
      const read = readOn(core, { ...request, signal })
      reading.add(read)
      return read.finally(() => reading.delete(read))
    },
    decode: (event) => (event.payload === null ? null : decodeCanonical(event.payload)),
    /** Ends the waits, before the database goes away under them. */
    async close() {
      closing.abort()
      await Promise.allSettled(reading)
    },
  }
}

type FeedRequest = Parameters<EventFeed['read']>[0] & { readonly signal: AbortSignal }

async function readOn(
  core: Core,
  { cursor, limit, waitMs = 0, types, signal }: FeedRequest,
): ReturnType<EventFeed['read']> {
  const { epoch } = await readHead(core.database.reader)
  let after = cursor === undefined ? 0 : await position(core, cursor, epoch)
  const deadline = performance.now() + waitMs
  for (;;) {
    const flushed = await core.recorder.flushCommitted()
    const upTo = Math.min(flushed, after + SCANNED)
    const events = await readPage(core, after, upTo, limit, types)
    const reached = events.length === limit ? events[events.length - 1]!.sequence : upTo
    const left = deadline - performance.now()
    after = Math.max(after, reached)
    const next = `${epoch}.${after}`
    if (events.length > 0 || signal.aborted || (left <= 0 && upTo === flushed)) return { events, next }
    if (upTo === flushed) await wake(core, Math.min(left, POLL_MS), signal)
    if (signal.aborted) return { events: [], next }
  }
}

async function position(core: Core, cursor: string, epoch: string): Promise<number> {
  const match = /^([0-9a-f]{1,64})\.(\d{1,15})$/.exec(cursor)
  const head = await readHead(core.database.reader)
  if (match && match[1] === epoch && Number(match[2]) <= head.sequence) return Number(match[2])
  throw new RegistryError(
    'cursor-unknown',
    'The cursor belongs to another log, or lies beyond the end of this one: start again without a cursor',
    {
      field: 'after',
      epoch,
    },
  )
}

interface EventRow {
  readonly sequence: number
  readonly created_at: string
  readonly event_type: string
  readonly subject_kind: string
  readonly subject_id: string
  readonly actor: string
  readonly payload: Uint8Array | null
  readonly payload_digest: Uint8Array
}

async function readPage(
  core: Core,
  after: number,
  upTo: number,
  limit: number,
  types: readonly string[] = [],
): Promise<FeedEvent[]> {
  const { reader } = core.database
  const ofTypes = types.length > 0 ? `AND event_type IN (${types.map(() => '?').join(', ')})` : ''
  const params: SqlValue[] = [after, upTo, ...types, limit]
  const rows = await reader.all<EventRow>(
    `SELECT sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest FROM events
     WHERE sequence > ? AND sequence <= ? ${ofTypes} ORDER BY sequence LIMIT ?`,
    params,
  )
  const nameOf = await identityNames(
    reader,
    rows.map((row) => row.actor),
  )
  return rows.map((row) => ({
    sequence: row.sequence,
    createdAt: row.created_at,
    type: row.event_type,
    subjectKind: row.subject_kind,
    subjectId: row.subject_id,
    actor: nameOf(row.actor),
    payload: row.payload,
    payloadDigest: digestOf('blake3', row.payload_digest) as Digest,
  }))
}

function wake(core: Core, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      stop()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.max(ms, 1))
    const stop = core.recorder.onFlushed(done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
