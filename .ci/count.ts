/**
 * Sums the JSON reports of the test runs into one line. `count.ts <folder> <name>...`; a report that is missing, or a
 * file of tests that did not load, is a failure.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

const [folder, ...names] = process.argv.slice(2)
let [passed, failed, skipped] = [0, 0, 0]
for (const name of names) {
  const file = join(folder!, `${name}.json`)
  if (!existsSync(file)) {
    failed += 1
    continue
  }
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  passed += report.numPassedTests
  failed += report.numFailedTests
  failed += report.testResults.filter((each) => each.status === 'failed' && each.assertionResults.length === 0).length
  skipped += report.numPendingTests + report.numTodoTests
}
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
if (failed > 0 || passed === 0) process.exitCode = 1
