/** The feed: what followers of the log see, when, and from where they go on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openDatabase } from '../../../src/registry/index.ts'
import { createRecorder } from '../../../src/registry/record.ts'
import { createApplier, VIEWS } from '../../../src/registry/views/index.ts'
import { sequentialIds } from '../../support/clock.ts'
import { DATABASES } from '../../support/databases.ts'
import { codeOf, refusalOf } from '../../support/refusals.ts'
import {
  createDraft,
  expectSound,
  imageOf,
  openTestStore,
  putManifest,
  type TestStore,
} from '../../support/registry-steps.ts'
import { type FlushGate, gated, linked, recordLink } from '../../support/test-log.ts'

const LONG_POLL_MS = 5_000

describe.each(DATABASES)('the event feed on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('refuses a cursor that is not one, of another log, or beyond the end', async () => {
    await createDraft(store)
    const { next } = await store.registry.events.read({ limit: 100 })
    const [epoch] = next.split('.')
    const cursors = [
      '',
      'x',
      '3',
      `${epoch}.`,
      `${epoch}.-1`,
      `${epoch}.1.5`,
      `${epoch}.4`,
      `${'0'.repeat(16)}.1`,
      `${next} `,
    ]
    for (const cursor of cursors) {
      const refusal = await refusalOf(() => store.registry.events.read({ cursor, limit: 1 }))
      expect([cursor, refusal.code]).toEqual([cursor, 'cursor-unknown'])
    }
  })

  it('refuses a page of no events or of too many', async () => {
    for (const limit of [0, -1, 1.5, 1_001]) {
      expect([limit, await codeOf(() => store.registry.events.read({ limit }))]).toEqual([limit, 'field-invalid'])
    }
  })

  it('refuses the cursor of a log that was restored', async () => {
    await createDraft(store)
    const { next } = await store.registry.events.read({ limit: 1 })
    await store.tamper(async (sql) => sql.run("UPDATE log_head SET epoch = 'abcdef'"))
    expect(await codeOf(store.registry.events.read({ cursor: next, limit: 1 }))).toBe('cursor-unknown')
  })

  it('gives every event once, in order, page by page, with who did it and what', async () => {
    const draft = await createDraft(store)
    await putManifest(store, 'team/app', imageOf(), 'v1')
    const types = await store.eventTypes()
    const seen: string[] = []
    let cursor: string | undefined
    for (let page = 0; page < types.length; page += 1) {
      const { events, next } = await store.registry.events.read({ cursor, limit: 1 })
      seen.push(...events.map((event) => event.type))
      cursor = next
    }
    expect(seen).toEqual(types)
    expect((await store.registry.events.read({ cursor, limit: 10 })).events).toEqual([])
    const { events } = await store.registry.events.read({ limit: 10 })
    expect(events[1]).toMatchObject({
      sequence: 2,
      type: 'v1.package.created',
      subjectKind: 'package',
      subjectId: draft.id,
      actor: 'alice',
      createdAt: '2026-01-01T00:00:00.000Z',
      payloadDigest: expect.stringMatching(/^blake3:[0-9a-f]{64}$/),
    })
    expect(store.registry.events.decode(events[1]!)).toMatchObject({ name: 'site', producer: 'ops' })
    await expectSound(store)
  })

  it('goes over what the asked types leave out, without giving it again', async () => {
    for (let n = 0; n < 3; n += 1) await createDraft(store)
    const types = ['v1.package.created']
    const first = await store.registry.events.read({ limit: 2, types })
    expect(first.events.map((event) => event.sequence)).toEqual([2, 4])
    const rest = await store.registry.events.read({ cursor: first.next, limit: 2, types })
    expect(rest.events.map((event) => event.sequence)).toEqual([6])
    expect(rest.next.split('.')[1]).toBe('7')
    expect((await store.registry.events.read({ limit: 5, types: ['v9.unheard.of'] })).events).toEqual([])
  })

  it('waits for the next event and wakes when it is on disk', async () => {
    await createDraft(store)
    const { next } = await store.registry.events.read({ limit: 100 })
    const waiting = store.registry.events.read({ cursor: next, limit: 10, waitMs: LONG_POLL_MS })
    await sleep(20)
    const started = performance.now()
    await createDraft(store)
    const { events } = await waiting
    expect(performance.now() - started).toBeLessThan(LONG_POLL_MS / 2)
    expect(events.map((event) => event.sequence)).toEqual([4, 5])
  })

  it('waits on over events of other types', async () => {
    const waiting = store.registry.events.read({ limit: 10, types: ['v1.tag.set'], waitMs: LONG_POLL_MS })
    await createDraft(store)
    await putManifest(store, 'team/app', imageOf(), 'v1')
    expect((await waiting).events.map((event) => event.type)).toEqual(['v1.tag.set'])
  })

  it('sees events of another process while it waits', async () => {
    const waiting = store.registry.events.read({ limit: 10, waitMs: LONG_POLL_MS })
    await sleep(20)
    const recorder = createRecorder({
      database: store.database,
      apply: createApplier(VIEWS),
      clock: store.clock,
      ids: sequentialIds(),
      onFlushFailure: () => undefined,
    })
    await recordLink(recorder, 'elsewhere')
    expect((await waiting).events.map((event) => event.type)).toEqual(['v1.blob.linked'])
  })

  it('answers with nothing when the time is over or the reader goes away', async () => {
    const started = performance.now()
    expect((await store.registry.events.read({ limit: 1, waitMs: 30 })).events).toEqual([])
    const leaving = new AbortController()
    const waiting = store.registry.events.read({ limit: 1, waitMs: 60_000, signal: leaving.signal })
    await sleep(10)
    leaving.abort()
    expect((await waiting).events).toEqual([])
    const gone = store.registry.events.read({ limit: 1, waitMs: 60_000, signal: AbortSignal.abort() })
    expect((await gone).events).toEqual([])
    expect(performance.now() - started).toBeLessThan(30_000)
  })

  it('ends its waits when the registry closes', async () => {
    const waiting = store.registry.events.read({ limit: 1, waitMs: 60_000 })
    await sleep(10)
    const started = performance.now()
    await store.restart()
    expect((await waiting).events).toEqual([])
    expect(performance.now() - started).toBeLessThan(30_000)
  })
})

describe.each(DATABASES)('what is not on disk yet on $engine', (engine) => {
  let store: TestStore
  let gate: FlushGate
  beforeEach(async () => {
    store = await openTestStore(engine)
    const location = store.location
    const controlled = gated(await openDatabase(location, { durability: 'durable' }))
    gate = controlled.gate
    await store.restart({ database: controlled.database })
    // Opening reads, and reads of one turn of the loop share a snapshot.
    await sleep(2)
  })
  afterEach(async () => {
    gate.release()
    await store.close()
  })

  it('is not in the feed, until it is', async () => {
    await createDraft(store)
    gate.held = true
    const writing = createDraft(store)
    await vi.waitFor(async () => expect(await store.eventTypes()).toHaveLength(5))
    const reading = store.registry.events.read({ limit: 100 })
    let read = false
    void reading.then(() => {
      read = true
    })
    await sleep(30)
    expect(read).toBe(false)
    gate.release()
    expect((await reading).events).toHaveLength(5)
    await writing
  })

  it('of another process is flushed by this one before it is shown', async () => {
    const other = createRecorder({
      database: store.database,
      apply: createApplier(VIEWS),
      clock: store.clock,
      ids: sequentialIds(),
      onFlushFailure: () => undefined,
    })
    await other.record('local', async () => ({ events: [linked('x')], result: undefined }))
    const before = gate.begun
    expect((await store.registry.events.read({ limit: 10 })).events).toHaveLength(1)
    expect(gate.begun).toBe(before + 1)
    expect((await store.registry.events.read({ limit: 10 })).events).toHaveLength(1)
    expect(gate.begun).toBe(before + 1)
  })
})
