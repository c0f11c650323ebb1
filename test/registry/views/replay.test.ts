/** Views are a fold of the log: what was changed in them is found and restored, beside writers and after a version bump. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOCAL } from '../../../src/registry/auth/identity.ts'
import type { Database } from '../../../src/registry/database/sql.ts'
import { createRecorder, type Recorder } from '../../../src/registry/record.ts'
import { replay, staleViews } from '../../../src/registry/replay.ts'
import { verifyViews } from '../../../src/registry/verify/verify-views.ts'
import { createApplier, VIEWS, type View } from '../../../src/registry/views/index.ts'
import { sequentialIds } from '../../support/clock.ts'
import { DATABASES } from '../../support/databases.ts'
import { refusalOf } from '../../support/refusals.ts'
import {
  ACTOR,
  createDraft,
  descriptorOf,
  expectSound,
  finalizedPackage,
  imageOf,
  openTestStore,
  pushBlob,
  putManifest,
  type TestStore,
} from '../../support/registry-steps.ts'
import { linked, recordLink } from '../../support/test-log.ts'

const LAYER = Buffer.from('layer')

/** Something in every table of every view. */
async function fillEveryView(store: TestStore): Promise<void> {
  const { id } = await finalizedPackage(store, { 'a.txt': Buffer.from('a') }, { metadata: { key: 'value', n: 1.5 } })
  await store.registry.retention.applyHold(id, { reason: 'test', caseReference: 'C-17', actor: 'alice' })
  await pushBlob(store, 'team/app', LAYER)
  const image = imageOf({ layers: [descriptorOf(LAYER, 'layer.bin')] })
  await putManifest(store, 'team/app', image, 'v1')
  const subject = { digest: (await store.registry.manifests.get('team/app' as never, { tag: 'v1' as never })).digest }
  await putManifest(
    store,
    'team/app',
    imageOf({ subject: { ...subject, size: image.length }, artifactType: 'application/x', annotations: { k: 'v' } }),
  )
  await store.registry.tokens.create({ scopes: ['repository:a:pull'], note: 'test' }, LOCAL)
  await store.registry.refs.put('a/b', Buffer.from('data'), Buffer.from('manifest'))
}

const TABLES = VIEWS.flatMap((view) => view.tables.map((spec) => ({ view, spec })))

function recorderOn(database: Database, store: TestStore): Recorder {
  return createRecorder({
    database,
    apply: createApplier(VIEWS),
    clock: store.clock,
    ids: sequentialIds('test'),
    onFlushFailure: () => undefined,
  })
}

describe.each(DATABASES)('views on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('that lost all their rows are named table by table by verify-views and restored by replay', async () => {
    await fillEveryView(store)
    const rows = new Map<string, number>()
    const before: unknown[] = []
    for (const { spec } of TABLES) {
      const own = await store.database.reader.all(`SELECT * FROM ${spec.name}`)
      expect(own.length, `${spec.name} has no row to lose`).toBeGreaterThan(0)
      rows.set(spec.name, own.length)
      before.push(expect.arrayContaining(own))
    }
    await store.tamper(async (sql) => {
      for (const { spec } of TABLES) await sql.run(`DELETE FROM ${spec.name}`)
    })
    const { differences } = await store.registry.verifyViews()
    for (const { view, spec } of TABLES) {
      const own = differences.filter((difference) => difference.table === spec.name)
      expect([spec.name, own.length]).toEqual([spec.name, rows.get(spec.name)])
      expect(own[0]).toMatchObject({ view: view.name, live: null, rebuilt: expect.stringContaining('=') })
    }
    expect((await store.registry.replay()).changedRows).toBe(differences.length)
    const after: unknown[] = []
    for (const { spec } of TABLES) after.push(await store.database.reader.all(`SELECT * FROM ${spec.name}`))
    expect(after).toEqual(before)
    await expectSound(store)
  })

  it('are each rebuilt alone, from the log and their own tables only', async () => {
    await fillEveryView(store)
    const recorder = recorderOn(store.database, store)
    for (const view of VIEWS) {
      const report = await replay({ database: store.database, recorder, views: [view] })
      expect([view.name, report.changedRows]).toEqual([view.name, 0])
    }
    await expectSound(store)
  })

  it('with one row changed, one gone and one invented have three differences', async () => {
    await fillEveryView(store)
    await store.tamper(async (sql) => {
      await sql.run("UPDATE packages SET subject = 'changed' WHERE origin = 'native'")
      await sql.run('DELETE FROM tags')
      await sql.run("INSERT INTO blob_aliases (alias, blake3) VALUES ('sha512:zz', 'blake3:zz')")
    })
    const tags = 2
    const { differences } = await store.registry.verifyViews()
    expect(differences).toHaveLength(2 + tags)
    const changed = differences.find((difference) => difference.table === 'packages')
    expect(changed?.live).toContain('subject="changed"')
    expect(changed?.rebuilt).toContain('subject="example.org"')
    expect(differences.find((difference) => difference.table === 'blob_aliases')).toMatchObject({
      view: 'blobs',
      key: '"sha512:zz"',
      rebuilt: null,
    })
    const report = await store.registry.replay()
    expect(report.changedRows).toBe(2 + tags)
    expect((await store.registry.replay()).changedRows).toBe(0)
    await expectSound(store)
  })

  it('name a hundred differences and no more', async () => {
    const recorder = recorderOn(store.database, store)
    const events = Array.from({ length: 150 }, (_, n) => linked(`b${n}`))
    await recorder.record('local', async () => ({ events, result: undefined }))
    await store.tamper(async (sql) => sql.run('DELETE FROM repository_blobs'))
    expect((await store.registry.verifyViews()).differences).toHaveLength(100)
    expect((await store.registry.replay()).changedRows).toBe(150)
  })

  it('are rebuilt beside writers who go on, and lose none of their events', async () => {
    const recorder = recorderOn(store.database, store)
    const seed = Array.from({ length: 1_100 }, (_, n) => linked(`seed${n}`))
    await recorder.record('local', async () => ({ events: seed, result: undefined }))
    let written = 0
    let running = true
    const writer = async (name: string): Promise<void> => {
      while (running) {
        await recordLink(recorder, `${name}.${written}`)
        written += 1
      }
    }
    const writers = ['x', 'y', 'z'].map(writer)
    const progress: number[] = []
    const report = await replay({
      database: store.database,
      recorder,
      views: VIEWS,
      onProgress: (p) => progress.push(p.done),
      slice: 200,
    })
    running = false
    await Promise.all(writers)
    expect(progress.length).toBeGreaterThan(2)
    expect(report).toMatchObject({ changedRows: 0, events: report.sequence })
    expect(report.sequence).toBeGreaterThan(1_100)
    const row = await store.database.reader.get<{ n: number }>('SELECT count(*) AS n FROM repository_blobs')
    expect(row?.n).toBe(1_100 + written)
    await expectSound(store)
  })

  it('are the same after two replays at once, of which the later one wins', async () => {
    const recorder = recorderOn(store.database, store)
    const seed = Array.from({ length: 1_100 }, (_, n) => linked(`seed${n}`))
    await recorder.record('local', async () => ({ events: seed, result: undefined }))
    const answers = await Promise.allSettled([
      replay({ database: store.database, recorder, views: VIEWS }),
      store.registry.replay(),
      recordLink(recorder, 'beside'),
    ])
    const [first, second, beside] = answers
    expect(beside.status).toBe('fulfilled')
    expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected'])
    const loser = [first, second].find((answer) => answer.status === 'rejected') as PromiseRejectedResult
    expect(loser.reason.message).toContain('Another replay')
    await expectSound(store)
    expect((await store.registry.replay()).changedRows).toBe(0)
    const tables = await store.database.reader.all<{ name: string }>(store.database.traits.listTables)
    expect(tables.filter(({ name }) => name.startsWith('shadow_'))).toEqual([])
  })

  it('are compared again when a replay swapped them during the comparison', async () => {
    await fillEveryView(store)
    let replayed: Promise<unknown> | undefined
    const database: Database = {
      ...store.database,
      snapshot: (work) =>
        store.database.snapshot(async (sql) => {
          const first = await sql.get('SELECT sequence FROM log_head')
          expect(first).toBeDefined()
          replayed ??= store.registry.replay()
          await replayed
          return work(sql)
        }),
    }
    expect((await verifyViews(database, VIEWS)).differences).toEqual([])
  })

  it('refuse an event type that this version does not know, by name, where the feed tolerates it', async () => {
    await createDraft(store)
    const recorder = recorderOn(store.database, store)
    const unknown = { ...linked('x'), type: 'v9.package.polished' } as never
    await recorder.record(ACTOR, async () => ({ events: [unknown], result: undefined }))
    for (const call of [() => store.registry.replay(), () => store.registry.verifyViews()]) {
      const refusal = await refusalOf(call)
      expect(refusal.code).toBe('log-broken')
      expect(refusal.message).toContain("'v9.package.polished'")
      expect(refusal.detail).toMatchObject({ type: 'v9.package.polished', sequence: 4 })
    }
    const { events } = await store.registry.events.read({ limit: 10 })
    expect(events.map((event) => event.type)).toContain('v9.package.polished')
    await createDraft(store)
    const tables = await store.database.reader.all<{ name: string }>(store.database.traits.listTables)
    expect(tables.filter(({ name }) => name.startsWith('shadow_'))).toEqual([])
  })

  it('of another version are rebuilt at the next start, and those of this version are left alone', async () => {
    await fillEveryView(store)
    await store.tamper(async (sql) => {
      await sql.run("UPDATE view_versions SET version = 0 WHERE name = 'tags'")
      await sql.run('DELETE FROM tags')
      await sql.run('DELETE FROM refs')
    })
    await store.restart()
    expect((await store.registry.verifyViews()).differences.map((difference) => difference.table)).toEqual(['refs'])
    expect(await staleViews(store.database.reader, VIEWS)).toEqual([])
  })

  it('with another shape are rebuilt from the log under their new columns', async () => {
    await fillEveryView(store)
    const old = VIEWS.find((view) => view.name === 'refs')!
    const wider: View = {
      ...old,
      version: 2,
      tables: [
        { ...old.tables[0]!, columns: [...old.tables[0]!.columns, { name: 'extra', type: 'text', nullable: true }] },
      ],
    }
    const recorder = recorderOn(store.database, store)
    expect(await staleViews(store.database.reader, [wider])).toEqual([wider])
    await replay({ database: store.database, recorder, views: [wider] })
    expect(await store.database.reader.all('SELECT ref, extra FROM refs')).toEqual([{ ref: 'a/b', extra: null }])
    expect(await staleViews(store.database.reader, [wider])).toEqual([])
  })
})
