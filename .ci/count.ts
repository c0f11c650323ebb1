/**
 * Sums the JSON reports of the runs into one line: `count.ts <folder> <name>...`, each of vitest or of the conformance
 * runner. A report that is missing or cannot be read, or a file of tests that did not load, is a failure.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

function countsOf(path: string): Counts {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as VitestReport | Counts
    if ('numPassedTests' in report) return ofTests(report)
    if ([report.passed, report.failed, report.skipped].every(Number.isInteger)) return report
    throw new Error('it is a report of neither vitest nor conformance')
  } catch (error) {
    process.stderr.write(`${path}: ${(error as Error).message}\n`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

function ofTests(report: VitestReport): Counts {
  const unloaded = report.testResults.filter((each) => each.status === 'failed' && each.assertionResults.length === 0)
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

const [folder, ...names] = process.argv.slice(2)
const counts = names.map((name) => countsOf(join(folder!, `${name}.json`)))
const sum = (outcome: keyof Counts) => counts.reduce((total, each) => total + each[outcome], 0)
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`)
if (sum('failed') > 0 || sum('passed') === 0) process.exitCode = 1
