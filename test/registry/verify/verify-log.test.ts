/** The chain of the log: what was changed is found, and a start builds on nothing that is broken. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRecorder } from '../../../src/registry/record.ts'
import { refuseBrokenLog, verifyLog } from '../../../src/registry/verify/verify-log.ts'
import { createApplier, VIEWS } from '../../../src/registry/views/index.ts'
import { sequentialIds } from '../../support/clock.ts'
import { DATABASES } from '../../support/databases.ts'
import { codeOf, refusalOf } from '../../support/refusals.ts'
import { createDraft, expectSound, openTestStore, type TestStore } from '../../support/registry-steps.ts'
import { linked } from '../../support/test-log.ts'

/** Changes to a log of at least five events, and where they must be found. */
const DAMAGES: readonly [what: string, statement: string, brokenAt: number, problem: RegExp][] = [
  ['a changed payload', "UPDATE events SET payload = X'A0' WHERE sequence = 2", 2, /payload does not match/],
  ['a changed payload digest', "UPDATE events SET payload_digest = X'00' WHERE sequence = 3", 3, /payload|chain/],
  ['a changed time', "UPDATE events SET created_at = '2026-01-01T00:00:00.001Z' WHERE sequence = 3", 3, /chain/],
  [
    'a time before the one before it',
    "UPDATE events SET created_at = '2020-01-01T00:00:00.000Z' WHERE sequence = 3",
    3,
    /time/,
  ],
  ['a changed actor', "UPDATE events SET actor = 'mallory' WHERE sequence = 4", 4, /chain/],
  ['a changed type', "UPDATE events SET event_type = 'v1.tag.deleted' WHERE sequence = 2", 2, /chain/],
  ['a changed subject', "UPDATE events SET subject_id = 'x' WHERE sequence = 2", 2, /chain/],
  ['a missing event', 'DELETE FROM events WHERE sequence = 3', 4, /sequence 3 is missing/],
  ['a missing first event', 'DELETE FROM events WHERE sequence = 1', 2, /sequence 1 is missing/],
  ['a missing last event', 'DELETE FROM events WHERE sequence = 5', 5, /sequence 5 is missing/],
  ['a head with another chain value', "UPDATE log_head SET chain = X'00'", 5, /head/],
  ['a head that lies behind', 'UPDATE log_head SET sequence = 4', 5, /head/],
  ['a head that lies beyond', 'UPDATE log_head SET sequence = 6', 6, /sequence 6 is missing/],
  ['a head with another time', "UPDATE log_head SET created_at = '2020-01-01T00:00:00.000Z'", 5, /head/],
]

describe.each(DATABASES)('a damaged log on $engine', (engine) => {
  let store: TestStore
  beforeAll(async () => {
    store = await openTestStore(engine)
    await createDraft(store)
    await createDraft(store)
    expect(await store.eventTypes()).toHaveLength(5)
  })
  afterAll(() => store.close())

  it.each(DAMAGES)(
    'with %s is found at its sequence, and a start refuses it',
    async (_what, statement, at, problem) => {
      const { writer } = store.database
      await writer.begin()
      try {
        await writer.run(
          engine.engine === 'sqlite' ? statement : statement.replace(/X'([0-9A-F]+)'/g, "'\\x$1'::bytea"),
        )
        const report = await verifyLog(writer)
        expect(report.brokenAt).toBe(at)
        expect(report.problem).toMatch(problem)
        const refusal = await refusalOf(refuseBrokenLog(writer))
        expect(refusal.code).toBe('log-broken')
        expect(refusal.message).toContain(`broken at sequence ${at}`)
        expect(refusal.message).toContain('artifactstore verify-log')
        expect(refusal.detail).toMatchObject({ sequence: at })
      } finally {
        await writer.rollback()
      }
    },
  )

  it('without a head is no registry', async () => {
    const { writer } = store.database
    await writer.begin()
    await writer.run('DELETE FROM log_head')
    expect(await codeOf(verifyLog(writer))).toBe('log-broken')
    await writer.rollback()
  })
})

describe.each(DATABASES)('the chain on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('is checked for the last thousand events at a start, and for all of them by verify-log', async () => {
    const recorder = createRecorder({
      database: store.database,
      apply: createApplier(VIEWS),
      clock: store.clock,
      ids: sequentialIds(),
      onFlushFailure: () => undefined,
    })
    const events = Array.from({ length: 1_100 }, (_, n) => linked(`b${n}`))
    await recorder.record('local', async () => ({ events, result: undefined }))
    await store.tamper((sql) => Promise.resolve(sql.run("UPDATE events SET actor = 'mallory' WHERE sequence = 50")))
    await store.restart()
    expect(await store.registry.verifyLog()).toMatchObject({ brokenAt: 50, head: 1_100 })
    await store.tamper((sql) => Promise.resolve(sql.run("UPDATE events SET actor = 'mallory' WHERE sequence = 150")))
    expect((await refusalOf(store.restart())).detail).toMatchObject({ sequence: 150 })
  })

  it('is whole on an empty log and says how far it went', async () => {
    expect(await store.registry.verifyLog()).toEqual({ events: 0, head: 0 })
    await createDraft(store)
    const seen: unknown[] = []
    expect(await verifyLog(store.database.reader, 0, (progress) => seen.push(progress))).toEqual({ events: 3, head: 3 })
    expect(seen).toEqual([{ done: 3, total: 3 }])
    await expectSound(store)
  })
})
