/**
 * The token that a server without configured tokens makes for its own machine, kept beside the database. Made once:
 * later starts, and other processes starting at the same time, read it.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../config.ts'

export function ensureLocalToken(file: string): { token: string; created: boolean } {
  const created = !existsSync(file) && create(file)
  // A copied folder often loses the mode, and then every user of the machine could read the token.
  if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
  const token = readFileSync(file, 'utf8').trim()
  if (/^[A-Za-z0-9\-._~+/]{16,}=*$/.test(token)) return { token, created }
  throw new ConfigError([`${file} holds no token; remove it and start again, or set ARTIFACTSTORE_AUTH_TOKENS`])
}

function create(file: string): boolean {
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.part`
  writeFileSync(temporary, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  try {
    // A link appears whole and never replaces: of two starting servers one makes the token and both read it.
    linkSync(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    unlinkSync(temporary)
  }
}

/** What the first start says, once. Names the file, never the token. */
export function localTokenNotice(file: string, server: { host: string; port: number }): string {
  const isDefault = server.port === 8000
  const registry = `${server.host === '127.0.0.1' ? 'localhost' : server.host}:${server.port}`
  // oras speaks plain HTTP by itself to the name localhost only.
  const plain = registry.startsWith('localhost:') ? '' : ' --plain-http'
  const api = isDefault ? '' : ` --api-url http://${registry}`
  return [
    `No token is configured, so this server made one for this machine: ${file} (mode 0600).`,
    `  artifactstore${api} health        finds it by itself in this folder, as every command does`,
    `  oras login ${registry}${plain} -u token --password-stdin < ${file}`,
    'Set ARTIFACTSTORE_AUTH_TOKENS to use tokens of your own.',
    '',
  ].join('\n')
}
