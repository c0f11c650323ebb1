/** `expected.yaml`: what each suite has to say, row by row. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** The two parts of the newest suite's results.yaml, each a name to a word such as Pass, FAIL, Error, Skip, Disabled. */
export const PARTS = ['apis', 'data'] as const
export type NewestResults = Readonly<Record<(typeof PARTS)[number], Readonly<Record<string, string>>>>

export interface ExpectedNewest extends NewestResults {
  /** Single tests behind the rows, all of which pass. */
  readonly tests: number
}

export interface ExpectedOlder {
  readonly tests: number
  /** Name of a test that is skipped, to the reason. */
  readonly skipped: Readonly<Record<string, string>>
}

export interface Expected {
  readonly newest: ExpectedNewest
  readonly 'v1.1.1': ExpectedOlder
}

export function readExpected(): Expected {
  return parse(readFileSync(new URL('expected.yaml', import.meta.url), 'utf8')) as Expected
}
