/**
 * People with passwords: an `htpasswd` file with bcrypt entries, read again when it changes. A file that became
 * unreadable or wrong leaves the people of the last good one in, and says so.
 */
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import type bcrypt from 'bcrypt'
import { type Identity, nameProblem } from './identity.ts'

// Loaded where there are users: a native module that nobody else needs.
const require = createRequire(import.meta.url)

const CHECK_MS = 1_000
/** `$2y$` is what htpasswd writes; the cost is at most 15, since 16 takes seconds for each attempt. */
const BCRYPT = /^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$/
/** Compared with where there is no such user, so that the time does not tell. Nobody knows its password. */
const NOBODY = '$2b$10$5cmv3SlR0kXuO1F8duZsOulyaACVcYjRGarID7MGDI436qUI2a/iW'
const LINES_SHOWN = 10

/** Who is in an htpasswd file, by name. Throws RangeError naming each bad line by its number. */
export function parseUsers(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>()
  const problems: string[] = []
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return
    const colon = line.indexOf(':')
    const [name, hash] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    const problem = colon < 1 ? "it is not 'name:hash'" : userProblem(name, hash, users)
    if (problem === undefined) users.set(name, hash)
    else problems.push(`line ${index + 1}: ${problem}`)
  })
  if (problems.length > 0) throw new RangeError(problems.slice(0, LINES_SHOWN).join('; '))
  return users
}

function userProblem(name: string, hash: string, users: ReadonlyMap<string, string>): string | undefined {
  if (users.has(name)) return `'${name}' is in it already`
  if (!BCRYPT.test(hash)) return 'its hash is not bcrypt of cost 4 to 15: write it with htpasswd -B -C 10'
  return nameProblem(name)
}

export interface UsersFile {
  /** Who this is; undefined for a wrong name or password. Takes as long for either. */
  verify(name: string, password: string): Promise<Identity | undefined>
  named(name: string): Identity | undefined
  names(): readonly string[]
}

export interface UsersFileOptions {
  readonly path: string
  readonly fingerprint: (secret: string) => string
  readonly clock: () => number
  /** Told when a changed file cannot be used. */
  readonly onProblem: (sentence: string) => void
}

/** Throws when the file cannot be read or has a bad line. */
export function openUsersFile({ path, fingerprint, clock, onProblem }: UsersFileOptions): UsersFile {
  const { compare } = require('bcrypt') as typeof bcrypt
  let version = versionOf(path)
  let users = parseUsers(readFileSync(path, 'utf8'))
  let checkedAt = clock()
  const current = (): ReadonlyMap<string, string> => {
    const now = clock()
    if (now - checkedAt < CHECK_MS) return users
    checkedAt = now
    try {
      const found = versionOf(path)
      if (found === version) return users
      version = found
      users = parseUsers(readFileSync(path, 'utf8'))
    } catch (error) {
      onProblem(`${path} cannot be used (${(error as Error).message}); the users of before stay`)
    }
    return users
  }
  /** Of the users as they are now: each is asked for on every request that bears an access token. */
  let identities: { of: typeof users; byLine: Map<string, Identity> } = { of: users, byLine: new Map() }
  const identityOf = (name: string, hash: string): Identity => {
    if (identities.of !== users) identities = { of: users, byLine: new Map() }
    const line = `${name}:${hash}`
    const known = identities.byLine.get(line)
    if (known) return known
    const identity: Identity = { name, kind: 'user', fingerprint: fingerprint(line) }
    identities.byLine.set(line, identity)
    return identity
  }
  return {
    async verify(name, password) {
      const hash = current().get(name)
      // `$2y$` and `$2b$` are the same algorithm; the library knows the latter name. bcrypt takes NUL for the end: what comes after it would not count.
      const matches = await compare(password.replaceAll('\0', '\ufffd'), (hash ?? NOBODY).replace(/^\$2y/, '$2b'))
      return hash !== undefined && matches ? identityOf(name, hash) : undefined
    },
    named(name) {
      const hash = current().get(name)
      return hash === undefined ? undefined : identityOf(name, hash)
    },
    names: () => [...current().keys()],
  }
}

function versionOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path)
  return `${mtimeMs} ${size} ${ino}`
}
