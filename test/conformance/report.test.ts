import { expect, test } from 'vitest'
import { readExpected } from '../../conformance/expected.ts'
import { failure, type Outcome } from '../../conformance/outcome.ts'
import { reportFile, reportPage } from '../../conformance/report.ts'

const expected = readExpected()
const SUITES = { newest: '967efdc', 'v1.1.1': 'given by CONFORMANCE_SUITE_1_1_1' } as const
const passedRow = (name: string) => ({ name, outcome: 'passed' }) as const
const OUTCOMES: readonly Outcome[] = [
  { combination: 'newest dev basic sqlite', rows: [passedRow('Ping'), passedRow('Blob get')], seconds: 5.25 },
  {
    combination: 'v1.1.1 basic sqlite',
    rows: [
      passedRow('Pull a'),
      { name: 'Pull b', outcome: 'skipped', says: 'why' },
      failure('Pull c', 'failed\n  twice'),
    ],
    seconds: 3,
  },
]
const page = (outcomes: readonly Outcome[], date = '2026-01-02') =>
  reportPage({ outcomes, suites: SUITES, version: '1.2.3', date }, expected)

test('the report file has the counts of all and of each combination', () => {
  expect(reportFile(OUTCOMES)).toEqual({
    passed: 3,
    failed: 1,
    skipped: 1,
    combinations: [
      { name: 'newest dev basic sqlite', passed: 2, failed: 0, skipped: 0, seconds: 5.25 },
      { name: 'v1.1.1 basic sqlite', passed: 1, failed: 1, skipped: 1, seconds: 3 },
    ],
  })
})

test('the page is the same for the same results, whatever time they took', () => {
  const slower = OUTCOMES.map((outcome) => ({ ...outcome, seconds: outcome.seconds * 2 }))
  expect(page(slower)).toBe(page(OUTCOMES))
  expect(page(OUTCOMES, '2026-01-03')).toBe(page(OUTCOMES).replaceAll('2026-01-02', '2026-01-03'))
})

test('the page says which combinations were not run, and names what failed', () => {
  const text = page(OUTCOMES)
  expect(text).toContain(
    'artifact-store 1.2.3 on 2026-01-02: **3 passed, 1 failed, 1 skipped** in 2 of 24 combinations',
  )
  expect(text).toContain('| newest | dev | basic | sqlite | 2 | 0 | 0 |')
  expect(text).toContain('| v1.1.1 |  | basic | sqlite | 1 | 1 | 1 |')
  expect(text.match(/\| not run \|/g)).toHaveLength(22)
  expect(text).toContain('- v1.1.1 basic sqlite: Pull c: failed twice')
  expect(text).toContain('| API | Ping | 1 of 1 |')
  expect(text).toContain('| API | Referrers | 0 of 1 |')
})

test('the page names the suites as they were obtained, and every pinned skip with its reason', () => {
  const text = page(OUTCOMES)
  expect(text).toContain(
    '[967efdc](https://github.com/opencontainers/distribution-spec/tree/967efdc079b91785ad18c77cc4f8991a47feefbf/conformance)',
  )
  expect(text).toContain('given by CONFORMANCE_SUITE_1_1_1')
  for (const [name, reason] of Object.entries(expected['v1.1.1'].skipped))
    expect(text).toContain(`| ${name} | ${reason} |`)
})
