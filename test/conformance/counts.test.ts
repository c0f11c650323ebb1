/** The line that closes `.ci/run`. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const COUNT = fileURLToPath(new URL('../../.ci/count.ts', import.meta.url))
const TESTS = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1, testResults: [] }
const CONFORMANCE = { passed: 52, failed: 0, skipped: 4, combinations: [] }
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'counts-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function counted(reports: Record<string, unknown>, names = Object.keys(reports)) {
  for (const [name, report] of Object.entries(reports)) {
    await writeFile(join(folder, `${name}.json`), typeof report === 'string' ? report : JSON.stringify(report))
  }
  return new Promise<{ code: number; line: string }>((resolve) => {
    execFile(process.execPath, [COUNT, folder, ...names], (error, stdout) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, line: stdout.trimEnd() })
    })
  })
}

test('a report that is missing, cut off or of no known form is a failure', async () => {
  const failed = { code: 1, line: '5 passed, 1 failed, 2 skipped' }
  expect(await counted({ tests: TESTS }, ['tests', 'conformance'])).toEqual(failed)
  expect(await counted({ tests: TESTS, conformance: '{"passed": 5' })).toEqual(failed)
  expect(await counted({ tests: TESTS, conformance: { total: 52 } })).toEqual(failed)
})

test('a file of tests that did not load, and combinations that failed, are failures', async () => {
  const broken = { status: 'failed', assertionResults: [] }
  expect(await counted({ tests: { ...TESTS, testResults: [broken] }, conformance: CONFORMANCE })).toMatchObject({
    code: 1,
    line: '57 passed, 1 failed, 6 skipped',
  })
  expect(await counted({ tests: TESTS, conformance: { ...CONFORMANCE, failed: 3 } })).toMatchObject({
    code: 1,
    line: '57 passed, 3 failed, 6 skipped',
  })
})

test('the reports of tests and of conformance add up to one line', async () => {
  expect(await counted({ tests: TESTS, clients: TESTS, conformance: CONFORMANCE })).toEqual({
    code: 0,
    line: '62 passed, 0 failed, 8 skipped',
  })
})

test('nothing passed is not a success', async () => {
  expect(await counted({})).toEqual({ code: 1, line: '0 passed, 0 failed, 0 skipped' })
})
