import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { WAYS } from '../../conformance/access.ts'
import { type NewestResults, PARTS, readExpected } from '../../conformance/expected.ts'
import { compareRows, judgeNewest, newestEnvironment } from '../../conformance/newest-suite.ts'
import { count } from '../../conformance/outcome.ts'
import { junitReport, junitXml, passed } from './junit-reports.ts'

const EXPECTED = { tests: 2, apis: { Ping: 'Pass', 'Blob get': 'Pass' }, data: { Image: 'Pass' } }
const PASSED: NewestResults = { apis: EXPECTED.apis, data: EXPECTED.data }
const CASES = [passed('OCI Conformance Test/ping'), passed('OCI Conformance Test/image')]

describe('results of the newest suite', () => {
  let results: string
  beforeEach(async () => {
    results = await mkdtemp(join(tmpdir(), 'newest-results-'))
  })
  afterEach(() => rm(results, { recursive: true, force: true }))

  const judged = async (written: unknown, junit = junitReport(CASES)) => {
    await writeFile(join(results, 'results.yaml'), stringify(written))
    await writeFile(join(results, 'junit.xml'), junitXml(junit))
    return judgeNewest(results, EXPECTED, 'what it printed')
  }

  test('that were not written are a failure that repeats what the suite said', async () => {
    const rows = await judgeNewest(results, EXPECTED, 'failed to setup test: no such host')
    expect(rows).toEqual([
      {
        name: 'results.yaml',
        outcome: 'failed',
        says: 'it was not written; the suite said: failed to setup test: no such host',
      },
    ])
  })

  test.each([
    ['nothing', null],
    ['no rows', { config: {} }],
    ['half', { apis: {} }],
    ['empty parts', { apis: null, data: null }],
  ])('that hold %s are a failure', async (_, written) => {
    expect(count(await judged(written))).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  test('without a whole junit.xml are a failure', async () => {
    await judged(PASSED)
    await writeFile(join(results, 'junit.xml'), '<testsuites tests="2">')
    expect(count(await judgeNewest(results, EXPECTED, ''))).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  test('that all pass are a row each', async () => {
    expect(count(await judged(PASSED))).toEqual({ passed: 3, failed: 0, skipped: 0 })
  })

  test.each(['FAIL', 'Error', 'Skip', 'Disabled', 'Unknown'])(
    'with %s where a pass is pinned are a failure',
    async (word) => {
      const rows = await judged({ ...PASSED, apis: { ...PASSED.apis, 'Blob get': word } })
      expect(count(rows)).toEqual({ passed: 2, failed: 1, skipped: 0 })
      expect(rows).toContainEqual({ name: 'Blob get', outcome: 'failed', says: `${word}, expected Pass` })
    },
  )

  test('with a row that is missing or that nobody expected are a failure', async () => {
    expect(await judged({ ...PASSED, apis: { Ping: 'Pass' } })).toContainEqual({
      name: 'Blob get',
      outcome: 'failed',
      says: 'not run, expected Pass',
    })
    expect(await judged({ ...PASSED, data: { ...PASSED.data, New: 'Pass' } })).toContainEqual({
      name: 'New',
      outcome: 'failed',
      says: 'Pass, expected no such row',
    })
  })

  test('with a single test that is skipped behind rows that pass are a failure', async () => {
    const skipped = { name: 'OCI Conformance Test/range -500', status: 'skipped', message: '' }
    const [row, ...others] = await judged(PASSED, junitReport([CASES[0]!, skipped]))
    expect(row).toMatchObject({ name: 'single tests', outcome: 'failed' })
    expect(row!.says).toMatch(/1 skipped.*range -500: skipped/s)
    expect(count(others)).toEqual({ passed: 3, failed: 0, skipped: 0 })
  })

  test('with a skip that only the totals know, or with fewer tests than before, are a failure', async () => {
    expect(count(await judged(PASSED, junitReport(CASES, { skipped: 1 }))).failed).toBe(1)
    expect(count(await judged(PASSED, junitReport(CASES.slice(1)))).failed).toBe(1)
  })
})

test('what failed has failed, though it is pinned; a pinned skip is counted as one', () => {
  const actual = { apis: { Ping: 'FAIL', Referrers: 'Skip' }, data: {} }
  expect(count(compareRows(actual, actual))).toEqual({ passed: 0, failed: 1, skipped: 1 })
})

test('expected.yaml pins nothing but passes for the newest suite, in each API and each kind of content', () => {
  const { newest } = readExpected()
  for (const part of PARTS) expect(new Set(Object.values(newest[part]))).toEqual(new Set(['Pass']))
  expect([Object.keys(newest.apis).length, Object.keys(newest.data).length]).toEqual([28, 24])
})

test('everything that is off at level 1.1, and sparse manifests, is turned on at both levels', () => {
  const door = WAYS.token.door('127.0.0.1:5000', '/nowhere')
  for (const level of ['1.1', 'dev'] as const) {
    expect(newestEnvironment(level, door, '/results')).toMatchObject({
      OCI_VERSION: level,
      OCI_API_BLOBS_DIGEST_HEADER: 'true',
      OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
      OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
      OCI_API_MANIFESTS_TAG_PARAM: 'true',
      OCI_DATA_SPARSE: 'true',
      OCI_REGISTRY: '127.0.0.1:5000',
      OCI_TLS: 'disabled',
    })
  }
})
