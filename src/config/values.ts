/**
 * How a setting's text becomes a value: one `Kind` a sort of setting, with the JSON Schema of the same thing in the
 * configuration file. A kind throws `ValueProblem` saying what would be right; it never repeats the value, because
 * the value may be a secret.
 */
import { availableParallelism } from 'node:os'
import { basename, isAbsolute, resolve } from 'node:path'

export class ValueProblem extends Error {
  override readonly name = 'ValueProblem'
}

export interface Kind<T> {
  /** What the documentation calls it. */
  readonly label: string
  readonly schema: Readonly<Record<string, unknown>>
  /** A list of objects: JSON in a variable, YAML in the file. */
  readonly structured?: true
  /** `folder`: what relative paths are relative to. Throws `ValueProblem`. */
  readonly parse: (text: string, folder: string) => T
}

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'

export type DatabaseConfig =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgresql'; readonly url: string }

/** `*` as producer or class matches any. The first rule that matches decides. */
export interface BackendRoute {
  readonly producer: string
  readonly retentionClass: string
  readonly backend: string
}

/** A public key in a PEM file; verdicts on signatures show the name. */
export interface KeyFile {
  readonly name: string
  readonly path: string
}

export const text: Kind<string> = {
  label: 'text',
  schema: { type: 'string', minLength: 1 },
  parse: (value) => {
    if (value === '') throw new ValueProblem('is empty; give a value or remove the setting')
    return value
  },
}

/** Empty means none. */
export function optional<T>(kind: Kind<T>): Kind<T | undefined> {
  const schema = kind.schema.type === 'string' ? { ...kind.schema, minLength: 0 } : kind.schema
  return { ...kind, schema, parse: (value, folder) => (value === '' ? undefined : kind.parse(value, folder)) }
}

export const boolean: Kind<boolean> = {
  label: 'true or false',
  schema: { type: 'boolean' },
  parse: (value) => {
    if (/^(?:true|1|yes|on)$/i.test(value)) return true
    if (/^(?:false|0|no|off)$/i.test(value)) return false
    throw new ValueProblem('is not a truth value; use true or false')
  },
}

export function integer(minimum: number, maximum: number, unit: string): Kind<number> {
  return {
    label: unit,
    schema: { type: 'integer', minimum, maximum },
    parse: (value) => {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
      if (number >= minimum && number <= maximum) return number
      throw new ValueProblem(`is not valid; use a whole number (${unit}) from ${minimum} to ${maximum}`)
    },
  }
}

const MOST_WORKERS = 64

export const workers: Kind<number> = {
  label: '`auto` or number of processes',
  // No bounds: what is beyond them is refused below, in a sentence.
  schema: { type: ['integer', 'string'] },
  parse: (value) => {
    if (value === 'auto') return Math.min(MOST_WORKERS, availableParallelism())
    const number = /^\d{1,3}$/.test(value) ? Number(value) : 0
    if (number >= 1 && number <= MOST_WORKERS) return number
    throw new ValueProblem(
      `is not valid; use a whole number from 1 to ${MOST_WORKERS}, or auto for one a processor core`,
    )
  },
}

export function oneOf<T extends string>(choices: readonly T[], label = 'one word'): Kind<T> {
  return {
    label: `${label}: ${choices.join(', ')}`,
    schema: { type: 'string', enum: choices },
    parse: (value) => {
      if ((choices as readonly string[]).includes(value)) return value as T
      throw new ValueProblem(`is not known; use one of ${choices.join(', ')}`)
    },
  }
}

export const logLevel: Kind<LogLevel> = {
  ...oneOf(['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const, 'level'),
  parse: (value) => {
    const level = value.toUpperCase() === 'WARN' ? 'WARNING' : value.toUpperCase()
    if (level === 'DEBUG' || level === 'INFO' || level === 'WARNING' || level === 'ERROR') return level
    throw new ValueProblem('is not a log level; use DEBUG, INFO, WARNING or ERROR')
  },
}

export const host: Kind<string> = {
  label: 'host name or address',
  schema: { type: 'string', minLength: 1 },
  parse: (value) => {
    const bare = value.replace(/^\[(.*)\]$/, '$1')
    if (/^[A-Za-z0-9._:%-]+$/.test(bare) && !/^[a-z]+:\/\//i.test(value)) return bare
    throw new ValueProblem('is not a host; use a name or an IP address without scheme and port, such as 127.0.0.1')
  },
}

/** Without a slash at the end. */
export const httpUrl: Kind<string> = {
  label: 'http(s) URL',
  schema: { type: 'string', pattern: '^https?://' },
  parse: (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined
    if (!url || !/^https?:$/.test(url.protocol)) {
      throw new ValueProblem('is not an http or https URL; use for instance http://127.0.0.1:8000')
    }
    if (url.username || url.password) throw new ValueProblem('holds a user name or password; give the token apart')
    if (url.search || url.hash) throw new ValueProblem('has a query or fragment; give scheme, host, port and path only')
    return url.href.replace(/\/+$/, '')
  },
}

export const path: Kind<string> = {
  label: 'path',
  schema: { type: 'string', minLength: 1 },
  parse: (value, folder) => {
    if (value === '') throw new ValueProblem('is empty; give a path')
    if (value.includes('\0')) throw new ValueProblem('holds a NUL character; give a path')
    return isAbsolute(value) ? value : resolve(folder, value)
  },
}

const DATABASE_HINT =
  'use sqlite:///relative/file.db, sqlite:////absolute/file.db or postgresql://user:password@host:5432/database'

export const databaseUrl: Kind<DatabaseConfig> = {
  label: 'database URL',
  schema: { type: 'string', minLength: 1 },
  parse: (value, folder) => {
    const match = /^([a-z]+)(?:\+([a-z0-9]+))?:\/\/(.*)$/s.exec(value)
    if (!match) throw new ValueProblem(`is not a database URL; ${DATABASE_HINT}`)
    const [, engine, driver, rest] = match as unknown as [string, string, string | undefined, string]
    if (engine === 'sqlite' && (driver === undefined || driver === 'aiosqlite')) return sqlite(rest, folder)
    const drivers = [undefined, 'asyncpg', 'psycopg', 'psycopg2']
    if ((engine === 'postgresql' || engine === 'postgres') && drivers.includes(driver)) return postgresql(rest)
    throw new ValueProblem(`names an engine or driver that is not supported; ${DATABASE_HINT}`)
  },
}

function sqlite(rest: string, folder: string): DatabaseConfig {
  // As in SQLAlchemy: three slashes start a relative path, four an absolute one.
  if (!rest.startsWith('/')) throw new ValueProblem(`lacks a slash; ${DATABASE_HINT}`)
  const file = rest.slice(1)
  if (file === '' || file.startsWith(':memory:')) {
    throw new ValueProblem('asks for a database in memory, which would lose the log; name a file')
  }
  if (/[?#\0]/.test(file))
    throw new ValueProblem(`has options or characters that no database file has; ${DATABASE_HINT}`)
  return { kind: 'sqlite', path: resolve(folder, file) }
}

function postgresql(rest: string): DatabaseConfig {
  const url = `postgresql://${rest}`
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const hasHost = parsed !== undefined && (parsed.hostname !== '' || parsed.searchParams.has('host'))
  if (!hasHost || parsed.pathname.length < 2) {
    throw new ValueProblem(`lacks a host or a database name, or has characters to percent-encode; ${DATABASE_HINT}`)
  }
  return { kind: 'postgresql', url }
}

/** Entries separated by commas or line breaks, blank ones dropped. */
export function entriesOf(value: string): string[] {
  return value
    .split(/[,\r\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

const LIST_SCHEMA = {
  anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string', minLength: 1 } }],
}

export const backendIds: Kind<readonly string[]> = {
  label: 'list of backend ids',
  schema: LIST_SCHEMA,
  parse: (value) => {
    const ids = entriesOf(value)
    if (ids.length === 0) throw new ValueProblem("names no backend; use 'local'")
    for (const id of ids) {
      if (id === 's3') throw new ValueProblem("names 's3', which is not in this version; use 'local'")
      if (id !== 'local') throw new ValueProblem("names a backend that does not exist; use 'local'")
    }
    return [...new Set(ids)]
  },
}

export const backendRoutes: Kind<readonly BackendRoute[]> = {
  label: 'list of producer:retention_class=backend_id',
  schema: LIST_SCHEMA,
  parse: (value) =>
    entriesOf(value).map((entry, index) => {
      const match = /^(.+):(\*|[a-z][a-z0-9-]*)=([A-Za-z0-9_-]+)$/.exec(entry)
      if (!match) {
        throw new ValueProblem(
          `has a bad rule (number ${index + 1}); use producer:retention_class=backend_id, * for any`,
        )
      }
      return { producer: match[1]!.trim(), retentionClass: match[2]!, backend: match[3]! }
    }),
}

/** Text for now: entries may be references, and are split again after these are read (`secrets.ts`). */
export const tokenList: Kind<string> = {
  label: 'list of tokens, each `token` or `name:token`',
  schema: LIST_SCHEMA,
  parse: (value) => value,
}

const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export const keyFiles: Kind<readonly KeyFile[]> = {
  label: 'list of paths, each `path` or `name=path`',
  schema: LIST_SCHEMA,
  parse: (value, folder) => {
    const files = entriesOf(value).map((entry, index) => {
      const [, name, file] = /^(?:([^=/\\]*)=)?(.*)$/s.exec(entry)!
      const named = name ?? basename(file!)
      const where = `has a bad entry (number ${index + 1})`
      if (file === '') throw new ValueProblem(`${where}: it has no path; use name=/path/to/key.pub`)
      if (!KEY_NAME.test(named)) {
        throw new ValueProblem(`${where}: a key's name is 1 to 64 letters, digits, '.', '_' and '-'; use name=/path`)
      }
      return { name: named, path: path.parse(file!, folder) }
    })
    const twice = files.find(({ name }, index) => files.findIndex((other) => other.name === name) < index)
    if (twice) throw new ValueProblem(`gives two keys the name '${twice.name}'; use name=/path to tell them apart`)
    return files
  },
}
