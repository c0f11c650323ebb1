/** Which token a command sends, and the file in which `login` keeps tokens, one an API URL. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientSettings } from './context.ts'
import { CliError, EXIT } from './failure.ts'

interface CredentialsFile {
  readonly tokens: Readonly<Record<string, string>>
}

/** --token, then ARTIFACTSTORE_API_TOKEN, then `login`, then this folder's own server; undefined where none is known. */
export function findToken(settings: ClientSettings, apiUrl: string, option: string | undefined): string | undefined {
  return option ?? settings.apiToken ?? readCredentials(settings).tokens[apiUrl] ?? localToken(settings, apiUrl)
}

/** Never for another machine: what stands beside the database opens everything in it. */
function localToken(settings: ClientSettings, apiUrl: string): string | undefined {
  const { hostname } = new URL(apiUrl)
  if (hostname !== 'localhost' && hostname !== '[::1]' && !/^127(?:\.\d+){3}$/.test(hostname)) return undefined
  try {
    return readFileSync(settings.tokenFile, 'utf8').trim() || undefined
  } catch {
    // Not there, or not ours to read: the server will say that a token is needed.
    return undefined
  }
}

export function storeToken(settings: ClientSettings, apiUrl: string, token: string): string {
  return write(settings, { ...readCredentials(settings).tokens, [apiUrl]: token })
}

/** False when there was none. */
export function removeToken(settings: ClientSettings, apiUrl: string): boolean {
  const { [apiUrl]: removed, ...rest } = readCredentials(settings).tokens
  if (removed === undefined) return false
  write(settings, rest)
  return true
}

function fileOf(settings: ClientSettings): string {
  return join(settings.configFolder, 'credentials.json')
}

function readCredentials(settings: ClientSettings): CredentialsFile {
  const file = fileOf(settings)
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { tokens: {} }
    throw error
  }
  try {
    const value = JSON.parse(content) as Partial<CredentialsFile>
    if (typeof value.tokens === 'object' && value.tokens !== null) return { tokens: value.tokens }
  } catch {
    // Said below, as for JSON of another shape.
  }
  throw new CliError({
    code: 'credentials-invalid',
    message: `${file} is not a credentials file; remove it and log in again`,
    exit: EXIT.configuration,
  })
}

function write(settings: ClientSettings, tokens: Readonly<Record<string, string>>): string {
  const file = fileOf(settings)
  mkdirSync(settings.configFolder, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}.part`
  try {
    writeFileSync(temporary, `${JSON.stringify({ tokens }, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
  return file
}
