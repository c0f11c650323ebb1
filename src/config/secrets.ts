/** References to secrets (`env:NAME`, `file:/path`), and the list of tokens made of them. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { entriesOf, ValueProblem } from './values.ts'

export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
}

/** What the reference names; text that is no reference is itself. Throws `ValueProblem`. */
export function resolveSecret(value: string, sources: SecretSources): string {
  const reference = /^(env|file):(.*)$/s.exec(value)
  if (!reference) return value
  const [, kind, target] = reference as unknown as [string, string, string]
  if (kind === 'env') {
    const found = sources.env[target]
    if (found === undefined || found === '') throw new ValueProblem(`refers to ${value}, which is not set`)
    return found
  }
  try {
    // Editors and `echo` end a file with a line break, which is no part of a secret.
    const content = readFileSync(resolve(sources.folder, target), 'utf8').replace(/[\r\n]+$/, '')
    if (content === '') throw new ValueProblem(`refers to ${value}, which is empty`)
    return content
  } catch (error) {
    if (error instanceof ValueProblem) throw error
    throw new ValueProblem(`refers to ${value}, which cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** RFC 6750 section 2.1, `b64token`: what a client can send after `Bearer`. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * Entries `token` or `name:token`, references read; a reference may hold several entries. Throws `ValueProblem`, which
 * says the number of a bad entry and never its text.
 */
export function parseTokens(list: string, sources: SecretSources): readonly string[] {
  const entries = entriesOf(list).flatMap((entry, index) => expand(entry, index + 1, sources))
  const nameOf = new Map<string, string>()
  entries.forEach((entry, index) => {
    const { name, token } = split(entry)
    const where = `has a bad entry (number ${index + 1})`
    if (name !== '' && !NAME.test(name)) {
      throw new ValueProblem(`${where}: a token's name is 1 to 64 letters, digits, '.', '_' and '-'`)
    }
    if (!TOKEN.test(token)) {
      throw new ValueProblem(`${where}: a token consists of letters, digits and -._~+/ with = at its end (RFC 6750)`)
    }
    const other = nameOf.get(token)
    if (other !== undefined && other !== name) {
      throw new ValueProblem(`${where}: the same token stands under two names, so nobody could say who used it`)
    }
    nameOf.set(token, name)
  })
  return [...new Set(entries)]
}

function expand(entry: string, number: number, sources: SecretSources): string[] {
  if (/^(?:env|file):/.test(entry)) return entriesOf(resolveSecret(entry, sources))
  const named = /^([^:]*):((?:env|file):.*)$/s.exec(entry)
  if (!named) return [entry]
  const found = entriesOf(resolveSecret(named[2]!, sources))
  if (found.length === 1) return [`${named[1]}:${found[0]}`]
  throw new ValueProblem(`has a bad entry (number ${number}): a named reference holds exactly one token`)
}

function split(entry: string): { name: string; token: string } {
  const colon = entry.indexOf(':')
  return colon < 0 ? { name: '', token: entry } : { name: entry.slice(0, colon), token: entry.slice(colon + 1) }
}
