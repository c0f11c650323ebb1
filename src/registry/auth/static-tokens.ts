/**
 * Static tokens: secrets from the configuration. An entry is `token` or `name:token`; the name is what events and access
 * rules call the bearer. Pure: the configuration layer brings the entries.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Identity, nameProblem } from './identity.ts'

export interface StaticTokens {
  /** Undefined for a secret that is none of ours. Compares in time that depends on the number of tokens only. */
  identify(secret: string): Identity | undefined
  /** By the name of its bearer. */
  named(name: string): Identity | undefined
  readonly names: readonly string[]
}

/** Characters of a token. All are compared over this length, so the time tells nothing about theirs. */
const TOKEN_LIMIT = 256

interface Entry {
  readonly secret: string
  /** The secret, filled up with zeros. */
  readonly padded: Buffer
  readonly identity: Identity
}

/** Throws RangeError with every problem at once; no message contains a secret. */
export function createStaticTokens(
  entries: readonly string[],
  options: { fingerprint?: (secret: string) => string; kind?: 'static' | 'local' } = {},
): StaticTokens {
  const { fingerprint, kind = 'static' } = options
  const problems: string[] = []
  const known: Entry[] = []
  for (const [index, text] of entries.entries()) {
    const parsed = parseEntry(text, kind, fingerprint)
    const problem = typeof parsed === 'string' ? parsed : conflict(parsed, known)
    if (problem !== undefined) problems.push(`token ${index + 1}: ${problem}`)
    else if (typeof parsed !== 'string') known.push(parsed)
  }
  if (problems.length > 0) throw new RangeError(problems.join('; '))
  const byName = new Map(known.map(({ identity }) => [identity.name, identity]))
  const candidate = Buffer.alloc(TOKEN_LIMIT)
  return {
    identify(secret) {
      if (secret.length > TOKEN_LIMIT) return undefined
      candidate.fill(0)
      candidate.write(secret)
      let found: Identity | undefined
      // No early exit: the time must not tell which token matched.
      for (const entry of known) if (timingSafeEqual(entry.padded, candidate)) found = entry.identity
      return found
    },
    named: (name) => byName.get(name),
    names: [...byName.keys()],
  }
}

/** The entry, or what is wrong with it. The first ':' separates, so a token may contain further ones. */
function parseEntry(text: string, kind: 'static' | 'local', fingerprintOf = (_: string) => ''): Entry | string {
  const colon = text.indexOf(':')
  const secret = text.slice(colon + 1)
  if (secret === '') return 'it is empty'
  // A header carries no other characters, so such a token could never be presented.
  if (!/^[\u0021-\u007e]+$/.test(secret)) return 'it contains a space, a control character or a letter outside ASCII'
  if (secret.length > TOKEN_LIMIT) return `it is longer than ${TOKEN_LIMIT} characters`
  const padded = Buffer.alloc(TOKEN_LIMIT)
  padded.write(secret)
  const rest = { kind, fingerprint: fingerprintOf(secret) }
  if (colon < 0) return { secret, padded, identity: { name: `token:${shortName(secret)}`, ...rest } }
  const name = text.slice(0, colon)
  if (name === '') return "its name is empty: write 'name:token', or the token alone"
  const problem = nameProblem(name)
  if (problem !== undefined) return problem
  return { secret, padded, identity: { name, ...rest } }
}

function conflict(entry: Entry, known: readonly Entry[]): string | undefined {
  if (known.some(({ secret }) => secret === entry.secret)) return 'another entry has the same token'
  if (known.some(({ identity }) => identity.name === entry.identity.name)) {
    return `another entry is named '${entry.identity.name}'`
  }
  return undefined
}

/** Tells unnamed tokens apart in the log without telling what they are. */
function shortName(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8)
}
