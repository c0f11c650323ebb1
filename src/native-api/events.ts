/** The feed of the log: a page of events after a cursor, waiting for the first one where there is none yet. */
import { encodeCanonical, type FeedEvent } from '../registry/index.ts'
import { preferredType } from './accept.ts'
import { type Call, type NativeContext, operation } from './operation.ts'
import { PAGE_QUERY } from './packages.ts'
import { ApiError } from './problem.ts'
import { type EventJson, type JsonValue, LIMITS, MEDIA_TYPES } from './wire.ts'

const EVENTS_QUERY = {
  after: { kind: 'text', description: 'next_cursor of an earlier answer; absent: from the beginning' },
  limit: PAGE_QUERY.limit,
  wait: {
    kind: 'integer',
    minimum: 0,
    maximum: LIMITS.waitMaximum,
    default: 0,
    description: 'Seconds to wait for the first event',
  },
  type: { kind: 'texts', description: 'Only events of this type; may be given several times' },
} as const

type FeedPage = Awaited<ReturnType<NativeContext['registry']['events']['read']>>

export const readEvents = operation({
  id: 'readEvents',
  summary: 'The event feed, in commit order',
  description:
    'Every state change is one event. CBOR by default, where payload is the byte string that payload_digest is ' +
    'the BLAKE3 of; JSON with Accept: application/json. Follow with after=<next_cursor> and wait.',
  headers: { Accept: `${MEDIA_TYPES.cbor} (default) or ${MEDIA_TYPES.json}` },
  query: EVENTS_QUERY,
  answers: {
    200: {
      description: 'One page; empty when nothing came',
      content: { [MEDIA_TYPES.cbor]: 'EventPage', [MEDIA_TYPES.json]: 'EventPage' },
    },
  },
  errors: ['cursor-unknown', 'not-acceptable'],
  async handle(call) {
    const { context, request } = call
    const offered = [MEDIA_TYPES.cbor, MEDIA_TYPES.json]
    const type = preferredType(request.headers.accept, offered)
    if (type === undefined) {
      throw new ApiError('not-acceptable', `Events are ${offered.join(' or ')}`, {
        detail: { field: 'Accept', known: offered },
      })
    }
    const page = await readPage(call)
    const headers = { 'Content-Type': type, 'Cache-Control': 'no-store', Vary: 'Accept, Authorization' }
    if (type === MEDIA_TYPES.cbor) {
      const events = page.events.map((event) => described(event, event.payload))
      return { status: 200, headers, body: encodeCanonical({ events, next_cursor: page.next }) }
    }
    const events = page.events.map((event) => described(event, plainJson(context.registry.events.decode(event))))
    return { status: 200, headers, body: JSON.stringify({ events, next_cursor: page.next }) }
  },
})

/** A server that begins to stop answers its long polls with what there is. */
async function readPage({ context, request, query }: Call<typeof EVENTS_QUERY>): Promise<FeedPage> {
  const { after, limit, wait, type } = query
  const { draining } = context
  const signal = draining === undefined ? request.signal : AbortSignal.any([request.signal, draining])
  return context.registry.events.read({
    limit,
    waitMs: wait * 1000,
    signal,
    ...(after === undefined ? {} : { cursor: after }),
    ...(type.length === 0 ? {} : { types: type }),
  })
}

function described<P>(event: FeedEvent, payload: P): Omit<EventJson, 'payload'> & { readonly payload: P } {
  return {
    sequence: event.sequence,
    created_at: event.createdAt,
    event_type: event.type,
    subject_kind: event.subjectKind,
    subject_id: event.subjectId,
    actor: event.actor,
    payload,
    payload_digest: event.payloadDigest,
  }
}

/** A decoded payload as JSON: byte strings as base64. Canonical CBOR has nothing else that JSON lacks. */
function plainJson(value: unknown): JsonValue {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  if (Array.isArray(value)) return value.map(plainJson)
  if (value === null || value === undefined) return null
  if (typeof value !== 'object') return value as JsonValue
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainJson(member)]))
}
