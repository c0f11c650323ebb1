/**
 * `npm run conformance`: builds the OCI conformance suites and runs them in every combination of `combinations.ts` against
 * servers that it starts, compares with `expected.yaml`, and closes with plain counts.
 *
 *     npm run conformance -- [--only 'dev token'] [--list] [--write] [--report counts.json] [--keep folder] [--build]
 */
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { COMBINATIONS, type Combination, chosen, nameOf, type SuiteName } from './combinations.ts'
import { Databases } from './databases.ts'
import { readExpected } from './expected.ts'
import { count, countAll, type Outcome, plainCounts } from './outcome.ts'
import { reportFile, reportPage } from './report.ts'
import { runCombination } from './run-combination.ts'
import { type Obtained, obtain, SUITES, surroundings } from './suites.ts'

const HELP = `npm run conformance -- [options]

  --only <words>   only combinations with words that begin so, such as 'dev token' or 'v1.1.1 postgresql'
  --list           names the combinations and ends
  --build          builds the suites into the cache and ends
  --report <file>  writes the counts as JSON (or in CONFORMANCE_REPORT)
  --write          writes docs/conformance.md
  --keep <folder>  where the reports of what failed are kept (var/conformance)

A suite is taken from CONFORMANCE_SUITE and CONFORMANCE_SUITE_1_1_1 (a checkout or a built one), from ../shared/conformance-suite,
or from its public repository at the pinned commit. Building one needs Go.
`
const SHOWN_FAILURES = 12
const root = new URL('../', import.meta.url)

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
    build: { type: 'boolean', default: false },
    report: { type: 'string', default: process.env.CONFORMANCE_REPORT },
    write: { type: 'boolean', default: false },
    // In `var`, which no check reads.
    keep: { type: 'string', default: 'var/conformance' },
    help: { type: 'boolean', default: false },
  },
})

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<void> {
  if (options.help) return console.log(HELP)
  const combinations = chosen(options.only)
  if (combinations.length === 0) throw new Error(`No combination is '${options.only}'; --list names all of them.`)
  if (options.list) return console.log(combinations.map(nameOf).join('\n'))
  const suites = new Map<SuiteName, Obtained>()
  const around = surroundings(process.env, (line) => console.log(`${line} …`))
  try {
    // All before the first is run: a suite that cannot be built is said at once.
    for (const { suite } of combinations) {
      if (!suites.has(suite)) suites.set(suite, await obtain(SUITES[suite], around))
    }
    if (!options.build) await runAll(combinations, suites)
  } finally {
    for (const { dispose } of suites.values()) await dispose()
  }
}

async function runAll(combinations: readonly Combination[], suites: ReadonlyMap<SuiteName, Obtained>): Promise<void> {
  const expected = readExpected()
  const databases = new Databases(process.env.ARTIFACTSTORE_TEST_DATABASE_URL)
  const kept = resolve(fileURLToPath(root), options.keep)
  const outcomes: Outcome[] = []
  try {
    for (const combination of combinations) {
      const { binary } = suites.get(combination.suite)!
      const outcome = await runCombination(combination, { binary, databases, expected, kept })
      say(outcome)
      outcomes.push(outcome)
    }
  } finally {
    await databases.close()
  }
  if (options.report) await writeFile(options.report, `${JSON.stringify(reportFile(outcomes), null, 2)}\n`)
  if (options.write) {
    const { version } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as { version: string }
    const versions = Object.fromEntries([...suites].map(([name, obtained]) => [name, obtained.version]))
    const page = reportPage({ outcomes, suites: versions, version, date: today() }, expected)
    await writeFile(new URL('docs/conformance.md', root), page)
  }
  close(outcomes)
}

function say({ combination, rows, seconds }: Outcome): void {
  console.log(`${combination.padEnd(32)} ${plainCounts(count(rows))} (${seconds.toFixed(1)} s)`)
  const failed = rows.filter(({ outcome }) => outcome === 'failed')
  for (const { name, says } of failed.slice(0, SHOWN_FAILURES)) {
    console.log(`  ${name}: ${says?.replaceAll('\n', '\n    ')}`)
  }
  if (failed.length > SHOWN_FAILURES) console.log(`  … and ${failed.length - SHOWN_FAILURES} more`)
  if (failed.length > 0) console.log(`  reports and log: ${options.keep}/${combination.replaceAll(' ', '-')}`)
}

function close(outcomes: readonly Outcome[]): void {
  const bad = outcomes.filter(({ rows }) => count(rows).failed > 0).map(({ combination }) => combination)
  const all = `${outcomes.length} of ${COMBINATIONS.length} combinations run`
  console.log(bad.length === 0 ? `\n${all}, all as expected.` : `\n${all}, failed: ${bad.join(', ')}.`)
  const counts = countAll(outcomes)
  console.log(plainCounts(counts))
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
