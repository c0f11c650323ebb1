/** JUnit reports as the two suites write them, made from what a test wants to say. */
import type { JunitReport, TestCase } from '../../conformance/junit.ts'

export const passed = (name: string): TestCase => ({ name, status: 'passed', message: '' })

/** What was read: totals that fit the cases, unless the test says otherwise. */
export function junitReport(cases: readonly TestCase[], totals: Partial<JunitReport['totals']> = {}): JunitReport {
  const of = (status: string) => cases.filter((each) => each.status === status).length
  return {
    totals: {
      tests: cases.length,
      failures: of('failure') + of('failed'),
      errors: of('error'),
      skipped: of('skipped'),
      disabled: 0,
      ...totals,
    },
    cases,
  }
}

/** The file. */
export function junitXml({ totals, cases }: JunitReport): string {
  const { tests, failures, errors, skipped } = totals
  return [
    `<testsuites time="1" tests="${tests}" failures="${failures}" errors="${errors}" skipped="${skipped}">`,
    '  <testsuite name="s">',
    ...cases.map(
      ({ name, status, message }) =>
        `    <testcase name="${escaped(name)}" classname="" status="${status}"><system-out>${escaped(message)}</system-out></testcase>`,
    ),
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')
}

function escaped(text: string): string {
  return text.replace(/[&<>"'\n]/g, (character) => `&#${character.codePointAt(0)};`)
}
