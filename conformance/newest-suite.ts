/**
 * The suite of distribution-spec main. Its exit code is not asked: it is 0 also where the suite could not set up, so that
 * what counts is results.yaml, and junit.xml for the single tests. A row of results.yaml is the worst of its tests, where
 * a skip is less than a pass: a skipped test behind a row that passed stands in junit.xml alone.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Door } from './access.ts'
import type { Level } from './combinations.ts'
import { type ExpectedNewest, type NewestResults, PARTS } from './expected.ts'
import { type JunitReport, parseJunit } from './junit.ts'
import { failure, oneLine, type Row, unreadable } from './outcome.ts'

/** Every API of its config.go, also those that are off at level 1.1. */
const APIS = [
  'PING',
  'PULL',
  'PUSH',
  'BLOBS_ATOMIC',
  'BLOBS_DELETE',
  'BLOBS_DIGEST_HEADER',
  'BLOBS_MOUNT_ANONYMOUS',
  'BLOBS_UPLOAD_CANCEL',
  'MANIFESTS_ATOMIC',
  'MANIFESTS_DELETE',
  'MANIFESTS_DIGEST_HEADER',
  'MANIFESTS_TAG_PARAM',
  'TAGS_ATOMIC',
  'TAGS_DELETE',
  'TAGS_LIST',
  'REFERRER',
] as const

/** Every kind of content, also sparse manifests, which are off at every level. */
const DATA = [
  'IMAGE',
  'INDEX',
  'INDEX_LIST',
  'SPARSE',
  'ARTIFACT',
  'SUBJECT',
  'SUBJECT_MISSING',
  'ARTIFACT_LIST',
  'SUBJECT_LIST',
  'DATA_FIELD',
  'NONDISTRIBUTABLE',
  'CUSTOM_FIELDS',
  'NO_LAYERS',
  'EMPTY_BLOB',
  'SHA512',
] as const

export function newestEnvironment(level: Level, door: Door, results: string): Record<string, string> {
  const on = (prefix: string, names: readonly string[]) => names.map((name) => [`OCI_${prefix}_${name}`, 'true'])
  return {
    ...door.env,
    ...Object.fromEntries([...on('API', APIS), ...on('DATA', DATA)]),
    OCI_VERSION: level,
    OCI_REGISTRY: door.registry,
    OCI_TLS: door.scheme === 'https' ? 'enabled' : 'disabled',
    OCI_USERNAME: door.username,
    OCI_PASSWORD: door.password,
    OCI_REPO1: 'conformance/first',
    OCI_REPO2: 'conformance/second',
    OCI_RESULTS_DIR: results,
  }
}

/** The rows of what the suite wrote into `results`; `said` is its own output, for a suite that wrote nothing. */
export async function judgeNewest(results: string, expected: ExpectedNewest, said: string): Promise<readonly Row[]> {
  try {
    const written = parse(await readFile(join(results, 'results.yaml'), 'utf8')) as NewestResults | null
    if (!PARTS.every((part) => typeof written?.[part] === 'object' && written[part] !== null)) {
      return [failure('results.yaml', `it has no ${PARTS.join(' and ')}`)]
    }
    const junit = parseJunit(await readFile(join(results, 'junit.xml'), 'utf8'))
    return [...compareTests(expected, junit), ...compareRows(expected, written!)]
  } catch (error) {
    return [unreadable(error, said)]
  }
}

export function compareRows(expected: NewestResults, actual: NewestResults): Row[] {
  return PARTS.flatMap((part) => {
    const names = new Set([...Object.keys(expected[part]), ...Object.keys(actual[part])])
    return [...names].map((name) => compareRow(name, expected[part][name], actual[part][name]))
  })
}

function compareRow(name: string, expected: string | undefined, actual: string | undefined): Row {
  if (actual !== expected) return failure(name, `${actual ?? 'not run'}, expected ${expected ?? 'no such row'}`)
  if (actual === 'Pass') return { name, outcome: 'passed' }
  // Pinned or not, what failed has failed.
  if (actual === 'Skip' || actual === 'Disabled') return { name, outcome: 'skipped', says: `${actual}, as pinned` }
  return failure(name, `${actual}, and pinned so: only a pass or a skip can be pinned`)
}

/**
 * Single tests add no rows while all of them pass, and one when not: they are what the rows are made of. The suite counts
 * tests that have tests below them too, and writes only those that have none, so that its totals say more than its list.
 */
function compareTests(expected: ExpectedNewest, { totals, cases }: JunitReport): Row[] {
  const { tests, failures, errors, skipped, disabled } = totals
  const bad = cases.filter(({ status }) => status !== 'passed')
  if (tests === expected.tests && failures + errors + skipped + disabled === 0 && bad.length === 0) return []
  const summary =
    `${tests}, of which ${failures} failed, ${errors} errors, ${skipped} skipped, ${disabled} disabled; ` +
    `expected ${expected.tests} that pass`
  const shown = bad.slice(0, SHOWN_TESTS).map(({ name, status, message }) => oneLine(`${name}: ${status} ${message}`))
  return [failure('single tests', [summary, ...shown].join('\n'))]
}
const SHOWN_TESTS = 8
