import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WAYS } from '../../conformance/access.ts'
import { readExpected } from '../../conformance/expected.ts'
import { compareTests, judgeOlder, olderEnvironment } from '../../conformance/older-suite.ts'
import { count } from '../../conformance/outcome.ts'
import { junitReport, junitXml, passed } from './junit-reports.ts'

const SUITE = 'OCI Distribution Conformance Tests'
const REASON = 'the other branch of a choice'
const EXPECTED = { tests: 2, skipped: { 'Push no mount': REASON } }
const skipped = (name: string) => ({ name, status: 'skipped', message: '' })
const MOUNT = passed(`${SUITE} Push mount`)
const NO_MOUNT = skipped(`${SUITE} Push no mount`)
const compare = (...cases: Parameters<typeof junitReport>[0]) => compareTests(EXPECTED, junitReport(cases))

test('a report that was not written is a failure that repeats what the suite said', async () => {
  const results = await mkdtemp(join(tmpdir(), 'older-results-'))
  try {
    expect(await judgeOlder(results, EXPECTED, 'panic: not a valid URL')).toEqual([
      { name: 'junit.xml', outcome: 'failed', says: 'it was not written; the suite said: panic: not a valid URL' },
    ])
    await writeFile(join(results, 'junit.xml'), junitXml(junitReport([MOUNT, NO_MOUNT])))
    expect(count(await judgeOlder(results, EXPECTED, ''))).toEqual({ passed: 1, failed: 0, skipped: 1 })
  } finally {
    await rm(results, { recursive: true, force: true })
  }
})

test('a skip that nobody pinned is a failure', () => {
  expect(count(compare(skipped(MOUNT.name), NO_MOUNT))).toEqual({ passed: 0, failed: 1, skipped: 1 })
})

test('a pinned skip that passes, or that is no longer there, is a failure', () => {
  expect(count(compare(MOUNT, passed(NO_MOUNT.name)))).toEqual({ passed: 1, failed: 1, skipped: 0 })
  expect(count(compare(MOUNT, passed(`${SUITE} Push other`)))).toEqual({ passed: 2, failed: 1, skipped: 0 })
})

test.each(['failed', 'panicked', 'timedout', 'aborted', ''])(
  "a test that is '%s' is a failure, with its message",
  (status) => {
    const broken = { name: MOUNT.name, status, message: 'Expected\n    <int>: 400' }
    expect(compare(broken, NO_MOUNT)).toContainEqual({
      name: 'Push mount',
      outcome: 'failed',
      says: `${status} Expected <int>: 400`.trim(),
    })
  },
)

test('fewer or more tests than before, or than the report announces, are a failure', () => {
  expect(count(compare(NO_MOUNT)).failed).toBe(1)
  expect(count(compare(MOUNT, NO_MOUNT, passed(`${SUITE} Pull more`))).failed).toBe(1)
  expect(count(compareTests(EXPECTED, junitReport([MOUNT, NO_MOUNT], { tests: 3 }))).failed).toBe(1)
})

test('what pass or skip as pinned are rows, and the reporters of the suite are none', () => {
  const rows = compare(MOUNT, NO_MOUNT, passed('html custom reporter'))
  expect(rows).toEqual([
    { name: 'Push mount', outcome: 'passed' },
    { name: 'Push no mount', outcome: 'skipped', says: REASON },
  ])
  expect(count(compare(MOUNT, NO_MOUNT, { ...passed('html custom reporter'), status: 'failed' })).failed).toBe(2)
})

test('every skip that expected.yaml pins has a reason', () => {
  const reasons = Object.values(readExpected()['v1.1.1'].skipped)
  expect(reasons.length).toBeGreaterThanOrEqual(4)
  for (const reason of reasons) expect(reason).toMatch(/\w+ \w+/)
})

test('all four workflows run, with mounts as this registry does them', () => {
  expect(olderEnvironment(WAYS.tls.door('127.0.0.1:5000', '/folder'), '/results')).toMatchObject({
    OCI_ROOT_URL: 'https://127.0.0.1:5000',
    OCI_TEST_PULL: '1',
    OCI_TEST_PUSH: '1',
    OCI_TEST_CONTENT_DISCOVERY: '1',
    OCI_TEST_CONTENT_MANAGEMENT: '1',
    OCI_AUTOMATIC_CROSSMOUNT: '1',
    OCI_DELETE_MANIFEST_BEFORE_BLOBS: '1',
  })
})
