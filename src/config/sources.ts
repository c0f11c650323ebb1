/** Where settings come from: the environment, `./.env`, the configuration file; and the schema of that file. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type * as Validation from 'ajv/dist/2020.js'
import type { ErrorObject } from 'ajv/dist/2020.js'
import type * as Yaml from 'yaml'
import type { Document, LineCounter } from 'yaml'
import { SETTING_PATHS, SETTINGS, type Setting, type SettingPath } from './settings.ts'

// Loaded where there is a file to read: 80 ms that the environment alone does not need.
const require = createRequire(import.meta.url)
const yaml = () => require('yaml') as typeof Yaml
const validation = () => require('ajv/dist/2020.js') as typeof Validation

export type Environment = Readonly<Record<string, string | undefined>>

/** A setting as text, with the words for where it stands. */
export interface Found {
  readonly text: string
  readonly origin: string
}

export const DEFAULT_FILE = 'artifactstore.yaml'

/** `./.env`, or nothing where there is none. What it holds never reaches `process.env`. */
export function readDotEnv(cwd: string, problems: string[], warnings: string[]): Environment {
  const file = resolve(cwd, '.env')
  if (!existsSync(file)) return {}
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(`.env cannot be read (${(error as NodeJS.ErrnoException).code}); make it readable or remove it`)
    return {}
  }
  content.split('\n').forEach((line, index) => {
    if (/^\s*(?:export\s+)?ARTIFACTSTORE_\w*\s*(?:[^=\w\s]|\s\w|$)/.test(line) && !line.includes('=')) {
      warnings.push(`.env:${index + 1} sets nothing, because it lacks '='`)
    }
  })
  return parseEnv(content) as Environment
}

/** Settings of the configuration file by path. Problems name file and line. */
export function readConfigFile(
  file: string,
  options: { shown: string; mustExist: boolean },
  problems: string[],
): Map<SettingPath, Found> {
  const { shown } = options
  if (!options.mustExist && !existsSync(file)) return new Map()
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(`${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return new Map()
  }
  const { LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines })
  if (document.errors.length > 0) {
    for (const error of document.errors) {
      problems.push(
        `${shown}:${lines.linePos(error.pos[0]).line} is not YAML: ${error.message.replace(/ at line \d+.*$/s, '')}`,
      )
    }
    return new Map()
  }
  const value: unknown = document.toJS() ?? {}
  const lineOf = (path: readonly string[]) => lineAt(document, lines, path)
  const { Ajv2020 } = validation()
  const validate = new Ajv2020({ allErrors: true, verbose: true, strict: false }).compile(configSchema())
  const badPaths = new Set<string>()
  if (!validate(value)) {
    for (const error of validate.errors ?? []) {
      // `anyOf` says the same once more for each of its branches.
      if (error.schemaPath.includes('/anyOf/')) continue
      const at = pathOf(error)
      badPaths.add(at.join('.'))
      problems.push(`${shown}:${lineOf(at)} ${at.join('.') || 'the file'} ${explain(error)}`)
    }
  }
  return settingsIn(value, { shown, lineOf, badPaths })
}

function settingsIn(
  value: unknown,
  context: { shown: string; lineOf: (path: readonly string[]) => number; badPaths: ReadonlySet<string> },
): Map<SettingPath, Found> {
  const found = new Map<SettingPath, Found>()
  for (const path of SETTING_PATHS) {
    const isBad = [...context.badPaths].some((bad) => bad === path || bad.startsWith(`${path}.`))
    if (SETTINGS[path].environmentOnly || isBad) continue
    const segments = path.split('.')
    let at: unknown = value
    for (const segment of segments) at = (at as Record<string, unknown> | null | undefined)?.[segment]
    if (at === undefined || at === null) continue
    const { structured }: Setting['kind'] = SETTINGS[path].kind
    const text = structured ? JSON.stringify(at) : Array.isArray(at) ? at.join('\n') : String(at)
    found.set(path, { text, origin: `${path} at ${context.shown}:${context.lineOf(segments)}` })
  }
  return found
}

/** The JSON Schema of the configuration file; `schemas/config.schema.json` is its checked-in copy, for editors. */
export function configSchema(): Record<string, unknown> {
  const root = group()
  for (const path of SETTING_PATHS) {
    const row: Setting = SETTINGS[path]
    if (row.environmentOnly) continue
    const segments = path.split('.')
    let at = root
    for (const segment of segments.slice(0, -1)) {
      at.properties[segment] ??= group()
      at = at.properties[segment] as Group
    }
    at.properties[segments.at(-1)!] = {
      description: `${row.description} Environment: ${row.name}.`,
      ...row.kind.schema,
    }
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'artifactstore.yaml',
    description: 'The optional configuration file of artifact-store. The environment and .env win over it.',
    ...root,
  }
}

interface Group {
  readonly type: 'object'
  readonly additionalProperties: false
  readonly properties: Record<string, unknown>
}

function group(): Group {
  return { type: 'object', additionalProperties: false, properties: {} }
}

function pathOf(error: ErrorObject): string[] {
  const path = error.instancePath.split('/').slice(1)
  return error.keyword === 'additionalProperties' ? [...path, String(error.params.additionalProperty)] : path
}

function explain(error: ErrorObject): string {
  if (error.keyword === 'additionalProperties') {
    const known = Object.keys((error.parentSchema as Group).properties)
    return `is not a setting; known here: ${known.join(', ')}`
  }
  if (error.keyword === 'enum') return `is not known; use one of ${(error.params.allowedValues as string[]).join(', ')}`
  if (error.keyword === 'anyOf') return 'must be a text or a list of texts'
  return error.message ?? 'is not valid'
}

function lineAt(document: Document, lines: LineCounter, path: readonly string[]): number {
  const { isMap, isNode } = yaml()
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    // The key's line, not the value's: a list's value begins a line later.
    const pair = isMap(parent) ? parent.items.find((each) => String(each.key) === path[length - 1]) : undefined
    if (pair && isNode(pair.key) && pair.key.range) return lines.linePos(pair.key.range[0]).line
  }
  return 1
}
