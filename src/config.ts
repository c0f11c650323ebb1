/**
 * The configuration: everything this process may be told from outside, read once, checked as a whole, frozen. This is
 * the only file that reads `process.env`. Order: environment, `./.env`, configuration file, default; a variable that is
 * set to nothing is set.
 */
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { AccessRuleConfig, TagRuleConfig } from './config/access-values.ts'
import { NO_RETENTION_FILE, type RetentionFile, readRetentionFile } from './config/retention-file.ts'
import { parseTokens, resolveSecret, type SecretSources } from './config/secrets.ts'
import {
  RETENTION_CLASSES,
  SETTING_PATHS,
  SETTINGS,
  type Setting,
  type SettingPath,
  type Values,
} from './config/settings.ts'
import { DEFAULT_FILE, type Environment, type Found, readConfigFile, readDotEnv } from './config/sources.ts'
import { printable } from './config/spelling.ts'
import { unknownNames } from './config/unknown-names.ts'
import { type BackendRoute, type DatabaseConfig, type KeyFile, type LogLevel, ValueProblem } from './config/values.ts'

export type { AccessRuleConfig, TagRuleConfig } from './config/access-values.ts'
export type { BackendRoute, DatabaseConfig, KeyFile, LogLevel } from './config/values.ts'

export interface ServerConfig {
  readonly host: string
  readonly port: number
  /** Processes that answer requests. */
  readonly workers: number
  readonly publicUrl?: string
  readonly trustedProxies: readonly string[]
  readonly fileHandover: 'off' | 'x-accel-redirect' | 'x-sendfile'
  readonly tls?: { readonly certPath: string; readonly keyPath: string }
}
export interface StorageConfig {
  readonly root: string
  readonly backends: readonly string[]
  readonly defaultBackend: string
  readonly routes: readonly BackendRoute[]
}
export interface AuthConfig {
  /** Each `token` or `name:token`, references read. Empty: none configured. */
  readonly tokens: readonly string[]
  readonly anonymousRead: boolean
  readonly usersFile?: string
  /** The token that lies beside the database, once it is made. */
  readonly localToken?: string
  /** Where the server keeps the token that it makes where none is configured. */
  readonly tokenFile: string
}
/** What the client commands need; `cli/` declares the same shape for itself. */
export interface ClientConfig {
  readonly apiUrl: string
  readonly apiToken?: string
  readonly tokenFile: string
  /** Folder for credentials that `login` keeps. */
  readonly configFolder: string
  /** Folder for the state of pushes under way. */
  readonly stateFolder: string
  /** False where NO_COLOR is set (no-color.org) or the terminal is dumb. */
  readonly color: boolean
}
export interface Config {
  readonly server: ServerConfig
  readonly database: DatabaseConfig
  readonly storage: StorageConfig
  readonly durability: 'durable' | 'relaxed'
  readonly auth: AuthConfig
  /** Absent: tokens of the configuration may do everything. */
  readonly accessRules?: readonly AccessRuleConfig[]
  readonly tagRules: readonly TagRuleConfig[]
  readonly signing: { readonly keys: readonly KeyFile[] }
  readonly oci: { readonly retentionClass: string }
  readonly uploads: { readonly expirySeconds: number }
  readonly packages: { readonly draftExpirySeconds: number }
  readonly retention: RetentionFile & {
    readonly undeleteGraceSeconds: number
    readonly releaseByOther: boolean
    readonly sweepIntervalSeconds: number
  }
  readonly log: { readonly level: LogLevel }
  readonly client: ClientConfig
  /** As `armFailpoints` takes it; '' arms none. */
  readonly failpoints: string
  readonly warnings: readonly string[]
  /** Every setting as `config show` prints it, secrets hidden. */
  readonly shown: readonly ShownSetting[]
}
export interface ShownSetting {
  readonly name: string
  readonly path: SettingPath
  readonly value: string
  readonly origin: string
}

/** `serve` also demands that a server open to others has tokens. */
export type Purpose = 'serve' | 'store'

export interface LoadOptions {
  readonly cwd: string
  readonly env?: Environment
  /** Instead of ARTIFACTSTORE_CONFIG. */
  readonly file?: string
  readonly purpose?: Purpose
  /** Neither `.env` nor a configuration file is read: `env` is all there is (for the library). */
  readonly isolated?: boolean
}

/** All that is wrong with the configuration, one sentence a problem. The process ends with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(['the configuration is not valid:', ...problems.map((problem) => `  - ${problem}`)].join('\n'))
    this.problems = problems
  }
}

/** Throws `ConfigError` with every problem at once. */
export function loadConfig(options: LoadOptions): Config {
  const reading = read(options)
  const { values, problems } = reading
  const tokens = readTokens(reading)
  const retention = readRetention(reading)
  checkTogether(values, { tokens, purpose: options.purpose ?? 'serve' }, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return deepFreeze(assemble(reading, { tokens, retention }))
}

/**
 * What the client's commands need and nothing else, so that they work in the folder of a server whose other settings
 * are wrong. Throws `ConfigError`.
 */
export function loadClientConfig(options: LoadOptions): ClientConfig {
  const reading = read(options, (path) => path.startsWith('client.'))
  if (reading.problems.length > 0) throw new ConfigError(reading.problems)
  return deepFreeze(clientSlice(reading))
}

interface Reading {
  readonly cwd: string
  /** `.env` and environment together. */
  readonly env: Environment
  readonly found: ReadonlyMap<SettingPath, Found>
  /** Lacks what could not be parsed. */
  readonly values: Partial<Values>
  readonly problems: string[]
  readonly warnings: readonly string[]
}

function read(options: LoadOptions, isRelevant: (path: SettingPath) => boolean = () => true): Reading {
  const { cwd, env = process.env } = options
  const problems: string[] = []
  const warnings: string[] = []
  const dotEnv = options.isolated ? {} : readDotEnv(cwd, problems, warnings)
  const merged: Environment = { ...dotEnv, ...withoutUndefined(env) }
  const found = gather({ env, dotEnv, cwd, file: options.file, isolated: options.isolated }, problems)
  const values = parseAll(found, { sources: { env: merged, folder: cwd }, problems, isRelevant })
  warnings.push(...unknownNames(env, dotEnv))
  return { cwd, env: merged, found, values, problems, warnings }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function gather(
  sources: {
    env: Environment
    dotEnv: Environment
    cwd: string
    file?: string | undefined
    isolated?: boolean | undefined
  },
  problems: string[],
): Map<SettingPath, Found> {
  const { env, dotEnv, cwd } = sources
  const named = sources.file ?? env.ARTIFACTSTORE_CONFIG ?? dotEnv.ARTIFACTSTORE_CONFIG ?? ''
  const shown = named === '' ? DEFAULT_FILE : named
  const file = isAbsolute(shown) ? shown : resolve(cwd, shown)
  const fromFile = sources.isolated
    ? new Map<SettingPath, Found>()
    : readConfigFile(file, { shown, mustExist: named !== '' }, problems)
  const found = new Map<SettingPath, Found>()
  for (const path of SETTING_PATHS) {
    const { name, default: fallback } = SETTINGS[path]
    const inEnv = env[name]
    const inDotEnv = dotEnv[name]
    if (inEnv !== undefined) found.set(path, { text: inEnv, origin: name })
    else if (inDotEnv !== undefined) found.set(path, { text: inDotEnv, origin: `${name} in .env` })
    else found.set(path, fromFile.get(path) ?? { text: fallback, origin: 'default' })
  }
  return found
}

function parseAll(
  found: ReadonlyMap<SettingPath, Found>,
  context: { sources: SecretSources; problems: string[]; isRelevant: (path: SettingPath) => boolean },
): Partial<Values> {
  const values: Partial<Record<SettingPath, unknown>> = {}
  for (const path of SETTING_PATHS) {
    const row: Setting = SETTINGS[path]
    const { text, origin } = found.get(path)!
    try {
      // Tokens are a list of references and are read apart.
      const plain = row.secret && path !== 'auth.tokens' ? resolveSecret(text, context.sources) : text
      values[path] = row.kind.parse(plain, context.sources.folder)
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error
      if (context.isRelevant(path)) context.problems.push(describeProblem(row, { text, origin }, error))
    }
  }
  return values as Partial<Values>
}

function describeProblem(row: Setting, found: Found, problem: ValueProblem): string {
  const value = row.secret || found.text === '' ? '' : ` '${printable(found.text)}'`
  return `${found.origin}${value} ${problem.message}`
}

function readTokens({ found, env, cwd, problems }: Reading): readonly string[] {
  const { text, origin } = found.get('auth.tokens')!
  try {
    return parseTokens(text, { env, folder: cwd })
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error
    problems.push(`${origin} ${error.message}`)
    // One problem, not also "there is no token".
    return ['unreadable']
  }
}

function readRetention({ found, values, problems }: Reading): RetentionFile {
  const file = values['retention.config_path']
  const shown = found.get('retention.config_path')!.text
  const retention = file ? readRetentionFile(file, { shown, seeds: RETENTION_CLASSES }, problems) : NO_RETENTION_FILE
  const fallback = values['oci.retention_class']
  const known = [...RETENTION_CLASSES, ...retention.classes.map(({ name }) => name)]
  if (fallback !== undefined && !known.includes(fallback)) {
    const { origin } = found.get('oci.retention_class')!
    problems.push(
      `${origin} '${printable(fallback)}' is no retention class; use one of ${[...new Set(known)].join(', ')}`,
    )
  }
  return retention
}

function checkTogether(
  values: Partial<Values>,
  context: { tokens: readonly string[]; purpose: Purpose },
  problems: string[],
): void {
  const backends = values['storage.backends']
  const fallback = values['storage.default_backend']
  if (backends && fallback !== undefined && !backends.includes(fallback)) {
    problems.push(
      `ARTIFACTSTORE_STORAGE_DEFAULT_BACKEND '${printable(fallback)}' is not among ARTIFACTSTORE_STORAGE_BACKENDS (${backends.join(', ')})`,
    )
  }
  for (const route of values['storage.backend_routes'] ?? []) {
    if (backends && !backends.includes(route.backend)) {
      problems.push(
        `ARTIFACTSTORE_STORAGE_BACKEND_ROUTES names the backend '${printable(route.backend)}', which is not among ARTIFACTSTORE_STORAGE_BACKENDS (${backends.join(', ')})`,
      )
    }
  }
  const { 'server.tls.cert': cert, 'server.tls.key': key } = values
  if ((cert === undefined) !== (key === undefined)) {
    problems.push('ARTIFACTSTORE_TLS_CERT and ARTIFACTSTORE_TLS_KEY belong together; set both or neither')
  }
  const handover = values['server.file_handover']
  if (handover !== undefined && handover !== 'off' && values['server.trusted_proxies']?.length === 0) {
    problems.push(
      `ARTIFACTSTORE_FILE_HANDOVER is '${handover}' and ARTIFACTSTORE_TRUSTED_PROXIES is empty, so nobody could be handed a file; name the proxy's address there`,
    )
  }
  if (values['auth.users_file'] !== undefined && values['access.rules'] === undefined) {
    problems.push(
      'ARTIFACTSTORE_USERS_FILE is set and there are no access rules, so its users could do nothing; say what they may do in access.rules',
    )
  }
  const host = values['server.host']
  const isOpen = host !== undefined && !isLoopback(host)
  if (context.purpose === 'serve' && isOpen && context.tokens.length === 0 && !values['auth.users_file']) {
    problems.push(
      `ARTIFACTSTORE_AUTH_TOKENS is empty and ARTIFACTSTORE_HOST '${printable(host)}' is open to others; set a token (openssl rand -hex 32 makes one) or listen on 127.0.0.1`,
    )
  }
}

function assemble(reading: Reading, rest: { tokens: readonly string[]; retention: RetentionFile }): Config {
  // Complete, because every setting that could not be parsed is a problem and there are none.
  const at = reading.values as Values
  const { 'auth.users_file': usersFile, 'access.rules': accessRules } = at
  const client = clientSlice(reading)
  return {
    server: serverSlice(at),
    database: at['database.url'],
    storage: {
      root: at['storage.local_root'],
      backends: at['storage.backends'],
      defaultBackend: at['storage.default_backend'],
      routes: at['storage.backend_routes'],
    },
    durability: at.durability,
    auth: {
      tokens: rest.tokens,
      anonymousRead: at['auth.anonymous_read'],
      tokenFile: client.tokenFile,
      ...(usersFile ? { usersFile } : {}),
    },
    ...(accessRules ? { accessRules } : {}),
    tagRules: at['tags.rules'] ?? [],
    signing: { keys: at['signing.keys'] },
    oci: { retentionClass: at['oci.retention_class'] },
    uploads: { expirySeconds: at['uploads.expiry_seconds'] },
    packages: { draftExpirySeconds: at['packages.draft_expiry_seconds'] },
    retention: {
      ...rest.retention,
      undeleteGraceSeconds: at['retention.undelete_grace_seconds'],
      releaseByOther: at['retention.release_by_other'],
      sweepIntervalSeconds: at['retention.sweep_interval_seconds'],
    },
    log: { level: at['log.level'] },
    client,
    failpoints: at['test.failpoints'] ?? '',
    warnings: reading.warnings,
    shown: show(reading.found),
  }
}

function serverSlice(at: Values): ServerConfig {
  const { 'server.public_url': publicUrl, 'server.tls.cert': certPath, 'server.tls.key': keyPath } = at
  return {
    host: at['server.host'],
    port: at['server.port'],
    workers: at['server.workers'],
    trustedProxies: at['server.trusted_proxies'],
    fileHandover: at['server.file_handover'],
    ...(publicUrl ? { publicUrl } : {}),
    ...(certPath && keyPath ? { tls: { certPath, keyPath } } : {}),
  }
}

function clientSlice({ cwd, env, values }: Reading): ClientConfig {
  const database = values['database.url']
  const folder = database?.kind === 'sqlite' ? dirname(database.path) : resolve(cwd, 'var')
  const home = env.HOME || homedir()
  const apiToken = values['client.api_token']
  return {
    apiUrl: values['client.api_url']!,
    ...(apiToken ? { apiToken } : {}),
    tokenFile: join(folder, 'artifactstore.token'),
    configFolder: join(env.XDG_CONFIG_HOME || join(home, '.config'), 'artifactstore'),
    stateFolder: join(env.XDG_STATE_HOME || join(home, '.local', 'state'), 'artifactstore'),
    color: !env.NO_COLOR && env.TERM !== 'dumb',
  }
}

function show(found: ReadonlyMap<SettingPath, Found>): ShownSetting[] {
  return SETTING_PATHS.map((path) => {
    const row: Setting = SETTINGS[path]
    const { text, origin } = found.get(path)!
    const value = row.secret && origin !== 'default' ? hideSecret(path, text) : text
    return { name: row.name, path, value, origin }
  })
}

function hideSecret(path: SettingPath, text: string): string {
  if (text === '') return ''
  if (/^(?:env|file):/.test(text)) return text
  // A database URL is of use without its password.
  if (path === 'database.url') return text.replace(/:\/\/([^:/@]*):.*@/, '://$1:(hidden)@')
  return '(hidden)'
}

function withoutUndefined(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) deepFreeze(each)
  return Object.freeze(value)
}
