/**
 * What SQLite looks at to answer: the statements that the services send, each held against its plan. A plan that lacks a
 * column reads everything that the other columns leave, and costs grow with the repository.
 */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SqlValue } from '../../src/registry/database/sql.ts'
import { type Database, openDatabase, parseRepositoryName, requireDigest } from '../../src/registry/index.ts'
import { DATABASES } from '../support/databases.ts'
import { descriptorOf, imageOf, openTestStore, putManifest, type TestStore } from '../support/registry-steps.ts'

const TEAM = parseRepositoryName('team/app')
const sent: { sql: string; params: readonly SqlValue[] }[] = []
let store: TestStore

beforeEach(async () => {
  store = await openTestStore(DATABASES[0]!)
  const database = await openDatabase(store.location, { durability: 'relaxed' })
  await store.restart({ database: listening(database) })
})
afterEach(() => store.close())

function listening(database: Database): Database {
  const { reader } = database
  const heard =
    <T>(ask: (sql: string, params?: readonly SqlValue[]) => T) =>
    (sql: string, params: readonly SqlValue[] = []) => {
      sent.push({ sql, params })
      return ask(sql, params)
    }
  // Without a version nothing is answered from memory.
  const { readVersion: _, ...rest } = database
  return { ...rest, reader: { ...reader, all: heard(reader.all), get: heard(reader.get) } as Database['reader'] }
}

/** Of the statements about `table` that `work` sends: the columns by which SQLite finds its rows. */
async function plansOf(table: string, work: () => Promise<unknown>): Promise<string[]> {
  sent.length = 0
  await work()
  const about = sent.filter(({ sql }) => new RegExp(`FROM ${table}\\b`).test(sql))
  const plans = await Promise.all(
    about.map(({ sql, params }) => store.database.reader.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, params)),
  )
  return plans.flat().map(({ detail }) => detail)
}

it('referrers of one type are found by type and digest', async () => {
  const subject = imageOf()
  const { digest } = await putManifest(store, 'team/app', subject, 'v1')
  const artifactType = 'application/x'
  await putManifest(store, 'team/app', imageOf({ subject: descriptorOf(subject), artifactType }))
  const plans = await plansOf('referrers', () =>
    store.registry.referrers.list(TEAM, digest, { artifactTypes: [artifactType], limit: 1 }),
  )
  expect(plans).toEqual([expect.stringMatching(/subject_digest=\? AND artifact_type=\? AND digest>\?/)])
})

it('referrers of every type are found by digest', async () => {
  const plans = await plansOf('referrers', async () => {
    const { digest } = await putManifest(store, 'team/app', imageOf(), 'v1')
    await store.registry.referrers.list(TEAM, digest, { limit: 1 })
  })
  expect(plans).toEqual([expect.stringMatching(/subject_digest=\? AND digest>\?/)])
})

it('the state of a list of referrers is read by keys alone, whatever is in it', async () => {
  const subject = imageOf()
  const { digest } = await putManifest(store, 'team/app', subject, 'v1')
  await putManifest(store, 'team/app', imageOf({ subject: descriptorOf(subject) }))
  const plans = await plansOf('repositories', () =>
    store.registry.referrers.index(TEAM, digest, { limit: 1, indexBytes: 1_000 }),
  )
  expect(plans.filter((detail) => !/SCALAR SUBQUERY/.test(detail))).toEqual([
    expect.stringMatching(/r USING INDEX \S+ \(name=\?\)/),
    expect.stringMatching(/log_head USING INTEGER PRIMARY KEY/),
    expect.stringMatching(/view_versions USING INDEX \S+ \(name=\?\)/),
    expect.stringMatching(/events USING COVERING INDEX \S+ \(event_type=\?\)/),
    expect.stringMatching(
      /referrers USING COVERING INDEX ix_referrers_1_\S+ \(repository_id=\? AND subject_digest=\?\)/,
    ),
  ])
})

it('a manifest is found by its digest', async () => {
  const { digest } = await putManifest(store, 'team/app', imageOf(), 'v1')
  const plans = await plansOf('manifests', () => store.registry.manifests.get(TEAM, { digest: requireDigest(digest) }))
  expect(plans[0]).toMatch(/repository_id=\? AND digest=\?/)
})

it('tags are found from the last one on', async () => {
  await putManifest(store, 'team/app', imageOf(), 'v1')
  const plans = await plansOf('tags', () => store.registry.tags.list(TEAM, { limit: 1, last: 'a' }))
  expect(plans).toEqual([expect.stringMatching(/repository_id=\? AND name>\?/)])
})

it('a sweep looks at what is over and not marked yet, and at nothing else', async () => {
  const plans = await plansOf('retention_state', () => store.registry.retention.sweep({ dryRun: true }))
  expect(plans).toEqual([
    expect.stringMatching(/s USING (?:COVERING )?INDEX ix_retention_state_0_\S+ \(expires_at<\?\)/),
    expect.stringMatching(/p USING INDEX \S+ \(package_id=\?\)/),
    expect.any(String),
    expect.stringMatching(/h USING (?:COVERING )?INDEX ix_holds_0_\S+ \(package_id=\? AND released_at=\?\)/),
  ])
})
