/**
 * The retention file (TOML, as the operator guide has it): durations of classes, further classes, and which class a repository's
 * pushes get. Everything that is wrong with it is said at once, with its line.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as Toml from 'smol-toml'
import { nearestName } from './spelling.ts'

// Loaded where there is a file to read.
const require = createRequire(import.meta.url)
const toml = () => require('smol-toml') as typeof Toml

export interface RetentionClassConfig {
  readonly name: string
  /** Null: no expiry. */
  readonly durationSeconds: number | null
}

export interface RepositoryClassConfig {
  readonly repositories: readonly string[]
  readonly retentionClass: string
}

export interface RetentionFile {
  readonly classes: readonly RetentionClassConfig[]
  /** The first that matches a repository says the class of what is pushed to it without one. */
  readonly repositories: readonly RepositoryClassConfig[]
}

export const NO_RETENTION_FILE: RetentionFile = { classes: [], repositories: [] }

/** A hundred years: beyond it a number is more likely in milliseconds. */
const MOST_SECONDS = 100 * 31_536_000
const CLASS_NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/
const REPOSITORIES = /^[a-z0-9._*/-]{1,255}$/
const EXAMPLE = '[retention_classes.raw-evidence] with default_duration_seconds = 7776000'

/** `seeds`: the classes that there are without the file. Problems name `shown` and the line. */
export function readRetentionFile(
  file: string,
  { shown, seeds }: { shown: string; seeds: readonly string[] },
  problems: string[],
): RetentionFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(`${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return NO_RETENTION_FILE
  }
  let parsed: Record<string, unknown>
  try {
    parsed = toml().parse(text)
  } catch (error) {
    const { line, message } = error as { line?: number; message: string }
    problems.push(`${shown}:${line ?? 1} is not TOML: ${firstLine(message)}`)
    return NO_RETENTION_FILE
  }
  const check = new RetentionFileCheck(shown, text, seeds, problems)
  return check.read(parsed)
}

function firstLine(message: string): string {
  return message.split('\n')[0]!.replace(/^Invalid TOML document: /, '')
}

class RetentionFileCheck {
  readonly #shown: string
  readonly #lines: ReadonlyMap<string, number>
  readonly #seeds: readonly string[]
  readonly #problems: string[]

  constructor(shown: string, text: string, seeds: readonly string[], problems: string[]) {
    this.#shown = shown
    this.#lines = linesOf(text)
    this.#seeds = seeds
    this.#problems = problems
  }

  read(document: Record<string, unknown>): RetentionFile {
    this.#onlyKnown([], document, ['retention_classes', 'repositories'])
    const classes = this.#classes(document.retention_classes ?? {})
    const known = [...new Set([...this.#seeds, ...classes.map(({ name }) => name)])]
    return { classes, repositories: this.#repositories(document.repositories ?? [], known) }
  }

  #classes(tables: unknown): RetentionClassConfig[] {
    if (!isTable(tables)) {
      this.#problem(['retention_classes'], `is no table of classes; use ${EXAMPLE}`)
      return []
    }
    return Object.entries(tables).flatMap(([name, table]) => this.#class(name, table) ?? [])
  }

  #class(name: string, table: unknown): RetentionClassConfig | undefined {
    const at = ['retention_classes', name]
    if (!isTable(table)) return this.#problem(at, `is no table; use ${EXAMPLE}`)
    this.#onlyKnown(at, table, ['default_duration_seconds'])
    if (!CLASS_NAME.test(name)) {
      return this.#problem(at, 'is no name of a class: use lower-case letters, digits and hyphens, at most 64')
    }
    const seconds = table.default_duration_seconds
    if (name === 'user-managed' && seconds !== undefined) {
      return this.#problem([...at, 'default_duration_seconds'], "cannot be set: 'user-managed' content has no duration")
    }
    if (seconds === undefined) return { name, durationSeconds: null }
    if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= MOST_SECONDS) {
      if (name === 'permanent-record') {
        return this.#problem([...at, 'default_duration_seconds'], "cannot be set: a 'permanent-record' has no end")
      }
      return { name, durationSeconds: seconds }
    }
    const words = `is no duration: use a whole number of seconds from 1 to ${MOST_SECONDS}, or leave it out for no expiry`
    return this.#problem([...at, 'default_duration_seconds'], words)
  }

  #repositories(rules: unknown, known: readonly string[]): RepositoryClassConfig[] {
    if (!Array.isArray(rules)) {
      this.#problem(['repositories'], 'is no list of tables; write [[repositories]]')
      return []
    }
    return rules.flatMap((rule, index) => this.#repository(rule, index, known) ?? [])
  }

  #repository(rule: unknown, index: number, known: readonly string[]): RepositoryClassConfig | undefined {
    const at = ['repositories', String(index)]
    if (!isTable(rule)) return this.#problem(at, 'is no table; write [[repositories]]')
    this.#onlyKnown(at, rule, ['match', 'retention_class'])
    const match = typeof rule.match === 'string' ? [rule.match] : rule.match
    const isList = Array.isArray(match) && match.length > 0
    if (!isList || !match.every((one) => typeof one === 'string' && REPOSITORIES.test(one))) {
      return this.#problem([...at, 'match'], "must name repositories or patterns, such as 'releases/**'")
    }
    const name = rule.retention_class
    if (typeof name !== 'string' || !known.includes(name)) {
      return this.#problem([...at, 'retention_class'], `must be one of ${known.join(', ')}`)
    }
    return { repositories: match as string[], retentionClass: name }
  }

  #onlyKnown(at: readonly string[], table: Record<string, unknown>, known: readonly string[]): void {
    for (const key of Object.keys(table)) {
      if (known.includes(key)) continue
      const near = nearestName(key, known)
      this.#problem([...at, key], `is unknown${near ? `; did you mean ${near}?` : `; known here: ${known.join(', ')}`}`)
    }
  }

  #problem(at: readonly string[], words: string): undefined {
    const name = at
      .at(-1)!
      .replace(/\p{Cc}/gu, '\ufffd')
      .slice(0, 120)
    this.#problems.push(`${this.#shown}:${this.#lineOf(at)} '${/^\d+$/.test(name) ? at[0] : name}' ${words}`)
    return undefined
  }

  /** Of the innermost part that stands on a line of its own. */
  #lineOf(at: readonly string[]): number {
    for (let length = at.length; length > 0; length -= 1) {
      const line = this.#lines.get(JSON.stringify(at.slice(0, length)))
      if (line !== undefined) return line
    }
    return 1
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

const HEADER = /^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$/
const KEY = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/

/** Where each table and key begins, by its path: the parser tells only of what it cannot read. */
function linesOf(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  const counts = new Map<string, number>()
  let table: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const [, brackets, header] = HEADER.exec(line) ?? []
    if (header !== undefined) {
      table = segments(header)
      if (brackets === '[[') {
        const n = counts.get(header) ?? 0
        counts.set(header, n + 1)
        table.push(String(n))
      }
      for (let length = 1; length <= table.length; length += 1) note(lines, table.slice(0, length), index + 1)
      continue
    }
    const key = KEY.exec(line)?.[1]
    if (key === undefined) continue
    const path = [...table, ...segments(key)]
    for (let length = table.length + 1; length <= path.length; length += 1)
      note(lines, path.slice(0, length), index + 1)
  }
  return lines
}

function note(lines: Map<string, number>, path: readonly string[], line: number): void {
  const key = JSON.stringify(path)
  if (!lines.has(key)) lines.set(key, line)
}

function segments(dotted: string): string[] {
  return [...dotted.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare!,
  )
}
