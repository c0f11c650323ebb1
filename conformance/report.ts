/** What a run leaves behind: counts for `.ci/count.ts`, and the page docs/conformance.md. */
import { WAYS } from './access.ts'
import { ACCESSES, COMBINATIONS, type Combination, nameOf, type SuiteName } from './combinations.ts'
import type { Expected } from './expected.ts'
import { PARTS } from './expected.ts'
import { type Counts, count, countAll, type Outcome, plainCounts } from './outcome.ts'
import { REPOSITORY, SUITES } from './suites.ts'

export interface ReportFile extends Counts {
  readonly combinations: readonly (Counts & { readonly name: string; readonly seconds: number })[]
}

export function reportFile(outcomes: readonly Outcome[]): ReportFile {
  return {
    ...countAll(outcomes),
    combinations: outcomes.map(({ combination, rows, seconds }) => ({ name: combination, ...count(rows), seconds })),
  }
}

export interface Run {
  readonly outcomes: readonly Outcome[]
  /** As `obtain` says it; a suite that was not run has none. */
  readonly suites: Readonly<Partial<Record<SuiteName, string>>>
  readonly version: string
  /** ISO, of the day. */
  readonly date: string
}

/** The same for the same results, whatever the time they took; a combination that was not run is there and says so. */
export function reportPage(run: Run, expected: Expected): string {
  return `${[
    '# Conformance',
    '<!-- Made by `npm run conformance -- --write`: run it again instead of changing this. -->',
    introduction(run),
    '## Combinations',
    combinations(run.outcomes),
    'Counted are the rows of the newest suite’s results.yaml and the tests of the older suite’s junit.xml, one each.',
    '## How each suite comes in',
    table(
      ['access', 'how'],
      ACCESSES.map((access) => [access, WAYS[access].description]),
    ),
    'That a suite came in that way is read from the requests in the server’s log, and is a failure where it did not.',
    '## What the newest suite asks',
    `Each is counted over the combinations that were run. Behind these rows stand ${expected.newest.tests.toLocaleString('en-US')} single tests in each of them.`,
    newestTable(run.outcomes, expected),
    '## What the suite of v1.1.1 skips',
    'A test there can be one branch of a choice, so that another is always skipped. These skips are pinned by name; any other is a failure.',
    table(['test', 'why'], Object.entries(expected['v1.1.1'].skipped)),
  ].join('\n\n')}\n`
}

function introduction({ outcomes, suites, version, date }: Run): string {
  const ran = Object.entries(suites).map(([name, obtained]) => {
    const { version: pinned, commit } = SUITES[name as SuiteName]
    const of = obtained === pinned ? `[${commit.slice(0, 7)}](${REPOSITORY}/tree/${commit}/conformance)` : obtained
    return name === 'newest' ? `distribution-spec main (${of})` : `v1.1.1 (${of})`
  })
  const failed = outcomes.flatMap(({ combination, rows }) =>
    rows.filter(({ outcome }) => outcome === 'failed').map(({ name, says }) => `- ${combination}: ${name}: ${says}`),
  )
  return [
    `artifact-store ${version} on ${date}: **${plainCounts(countAll(outcomes))}** in ${outcomes.length} of ${COMBINATIONS.length} combinations,`,
    `with the OCI conformance suites ${ran.join(' and ')}.`,
    'Every API and every kind of content of the suites is on, sparse manifests included.',
    ...(failed.length === 0 ? [] : ['', 'Failed:', '', ...failed.map((line) => line.replace(/\s+/g, ' '))]),
  ].join('\n')
}

function combinations(outcomes: readonly Outcome[]): string {
  const cells = (combination: Combination): string[] => {
    const outcome = outcomes.find((each) => each.combination === nameOf(combination))
    if (!outcome) return ['not run', '', '']
    const { passed, failed, skipped } = count(outcome.rows)
    return [String(passed), String(failed), String(skipped)]
  }
  return table(
    ['suite', 'level', 'access', 'database', 'passed', 'failed', 'skipped'],
    COMBINATIONS.map((each) => [each.suite, each.level ?? '', each.access, each.engine, ...cells(each)]),
  )
}

function newestTable(outcomes: readonly Outcome[], expected: Expected): string {
  const runs = outcomes.filter(({ combination }) => combination.startsWith('newest '))
  const passes = (name: string) =>
    runs.filter(({ rows }) => rows.some((row) => row.name === name && row.outcome === 'passed')).length
  const kinds = { apis: 'API', data: 'content' } as const
  const rows = PARTS.flatMap((part) =>
    Object.keys(expected.newest[part]).map((name) => [kinds[part], name, `${passes(name)} of ${runs.length}`]),
  )
  return table(['', 'what', 'passed in'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
