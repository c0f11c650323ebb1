/**
 * The suite of v1.1.1, all four workflows. Every test of its junit.xml is a row. Some tests are one branch of a choice, so
 * that the others are skipped whatever the registry does; those skips are pinned by name.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Door } from './access.ts'
import type { ExpectedOlder } from './expected.ts'
import { type JunitReport, parseJunit, type TestCase } from './junit.ts'
import { failure, oneLine, type Row, unreadable } from './outcome.ts'

export function olderEnvironment(door: Door, results: string): Record<string, string> {
  return {
    ...door.env,
    OCI_ROOT_URL: `${door.scheme}://${door.registry}`,
    OCI_USERNAME: door.username,
    OCI_PASSWORD: door.password,
    OCI_NAMESPACE: 'conformance/first',
    OCI_CROSSMOUNT_NAMESPACE: 'conformance/second',
    OCI_TEST_PULL: '1',
    OCI_TEST_PUSH: '1',
    OCI_TEST_CONTENT_DISCOVERY: '1',
    OCI_TEST_CONTENT_MANAGEMENT: '1',
    // A mount without `from` is one here when the caller may read a repository that holds the blob.
    OCI_AUTOMATIC_CROSSMOUNT: '1',
    // Its default, and the order in which nothing ever names what is gone.
    OCI_DELETE_MANIFEST_BEFORE_BLOBS: '1',
    OCI_HIDE_SKIPPED_WORKFLOWS: '0',
    OCI_DEBUG: '0',
    OCI_REPORT_DIR: results,
  }
}

/** Of what Ginkgo writes beside the tests: its own reporters. */
const TESTS = 'OCI Distribution Conformance Tests '

export async function judgeOlder(results: string, expected: ExpectedOlder, said: string): Promise<readonly Row[]> {
  try {
    return compareTests(expected, parseJunit(await readFile(join(results, 'junit.xml'), 'utf8')))
  } catch (error) {
    return [unreadable(error, said)]
  }
}

export function compareTests(expected: ExpectedOlder, { totals, cases }: JunitReport): Row[] {
  const tests = cases
    .filter(({ name, status }) => name.startsWith(TESTS) || !['passed', 'skipped'].includes(status))
    .map((each) => ({ ...each, name: each.name.replace(TESTS, '') }))
  const rows = tests.map((each) => compareTest(each, expected.skipped[each.name]))
  const missing = Object.keys(expected.skipped).filter((pinned) => !tests.some(({ name }) => name === pinned))
  rows.push(...missing.map((name) => failure(name, 'there is no such test, but its skip is pinned')))
  if (tests.length !== expected.tests) rows.push(failure('tests', `${tests.length} ran, expected ${expected.tests}`))
  if (totals.tests !== cases.length) rows.push(failure('junit.xml', `${totals.tests} announced, ${cases.length} there`))
  return rows
}

function compareTest({ name, status, message }: TestCase, reason: string | undefined): Row {
  if (status === 'passed' && reason === undefined) return { name, outcome: 'passed' }
  if (status === 'skipped' && reason !== undefined) return { name, outcome: 'skipped', says: reason }
  if (status === 'passed') return failure(name, 'it passed, but its skip is pinned: take it out of expected.yaml')
  if (status === 'skipped') return failure(name, 'it was skipped, and no reason for that is pinned in expected.yaml')
  return failure(name, oneLine(`${status} ${message}`))
}
