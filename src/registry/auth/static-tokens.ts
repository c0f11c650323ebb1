/**
 * Static tokens: secrets from the configuration, each with all rights. An entry is `token` or `name:token`; the name is
 * what events call the bearer. Pure: the configuration layer brings the entries.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Identity, isReservedName } from './identity.ts'

export interface StaticTokens {
  /** Undefined for a secret that is none of ours. Compares in time that depends on the number of tokens only. */
  identify(secret: string): Identity | undefined
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@/-]{0,127}$/

/** Characters of a token. All are compared over this length, so the time tells nothing about theirs. */
const TOKEN_LIMIT = 256

interface Entry {
  readonly secret: string
  /** The secret, filled up with zeros. */
  readonly padded: Buffer
  readonly identity: Identity
}

/** Throws RangeError with every problem at once; no message contains a secret. */
export function createStaticTokens(entries: readonly string[]): StaticTokens {
  const problems: string[] = []
  const known: Entry[] = []
  for (const [index, text] of entries.entries()) {
    const parsed = parseEntry(text)
    const problem = typeof parsed === 'string' ? parsed : conflict(parsed, known)
    if (problem !== undefined) problems.push(`token ${index + 1}: ${problem}`)
    else if (typeof parsed !== 'string') known.push(parsed)
  }
  if (problems.length > 0) throw new RangeError(problems.join('; '))
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
  }
}

/** The entry, or what is wrong with it. The first ':' separates, so a token may contain further ones. */
function parseEntry(text: string): Entry | string {
  const colon = text.indexOf(':')
  const secret = text.slice(colon + 1)
  if (secret === '') return 'it is empty'
  // A header carries no other characters, so such a token could never be presented.
  if (!/^[\u0021-\u007e]+$/.test(secret)) return 'it contains a space, a control character or a letter outside ASCII'
  if (secret.length > TOKEN_LIMIT) return `it is longer than ${TOKEN_LIMIT} characters`
  const padded = Buffer.alloc(TOKEN_LIMIT)
  padded.write(secret)
  if (colon < 0) return { secret, padded, identity: { name: `token:${fingerprint(secret)}`, kind: 'token' } }
  const name = text.slice(0, colon)
  if (name === '') return "its name is empty: write 'name:token', or the token alone"
  if (isReservedName(name)) return `the name '${name}' is reserved`
  if (!NAME.test(name)) return "its name may have letters, digits, '.', '_', '@', '/' and '-' only, 128 at most"
  return { secret, padded, identity: { name, kind: 'token' } }
}

function conflict(entry: Entry, known: readonly Entry[]): string | undefined {
  if (known.some(({ secret }) => secret === entry.secret)) return 'another entry has the same token'
  if (known.some(({ identity }) => identity.name === entry.identity.name)) {
    return `another entry is named '${entry.identity.name}'`
  }
  return undefined
}

/** Tells unnamed tokens apart in the log without telling what they are. */
function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8)
}
