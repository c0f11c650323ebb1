/**
 * JSON that all readers read alike. A signature covers bytes; two programs that see two documents in the same bytes would
 * both call it valid. So a member may not stand twice, nor in two spellings of its case: Go's reader, which cosign uses,
 * takes either for the other.
 */
import { quoted, refuse } from './refusal.ts'

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** No document that is signed nests deeper, but for predicates, which are not looked into. */
const DEPTH_LIMIT = 64

/**
 * The object in these bytes. `unread`: a member of the top level whose inside means nothing here; it may be what it
 * likes, since a sloppy SBOM makes no signature invalid.
 */
export function readObject(bytes: Uint8Array, what: string, unread?: string): JsonObject {
  let text: string
  let value: Json
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text) as Json
  } catch {
    return refuse(`${what} is not JSON in UTF-8`)
  }
  if (!isObject(value)) refuse(`${what} is no JSON object`)
  refuseTwoReadings(text, what, unread)
  return value
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member of this name in whatever case it is written; undefined when there is none. */
export function member(object: JsonObject, name: string): Json | undefined {
  const alike = Object.keys(object).filter((each) => folded(each) === folded(name))
  if (alike.length > 1) refuse(`'${name}' stands in it in several spellings`)
  return alike[0] === undefined ? undefined : object[alike[0]]
}

export function textMember(object: JsonObject, name: string): string | undefined {
  const value = member(object, name)
  if (value !== undefined && typeof value !== 'string') refuse(`'${name}' is no text`)
  return value
}

/** As Go folds: the Kelvin sign is a k, the long s an s. */
function folded(name: string): string {
  return name.toLowerCase().toUpperCase()
}

/** One pass over text that has parsed already; no recursion, so that no nesting is too deep for it. */
function refuseTwoReadings(text: string, what: string, unread: string | undefined): void {
  /** Names of each open object; undefined for a list. */
  const open: (Set<string> | undefined)[] = []
  let isName = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '"') {
      const end = endOfText(text, at)
      if (isName) {
        const name = JSON.parse(text.slice(at, end + 1)) as string
        const names = open.at(-1)!
        if (names.has(name)) refuse(`${what} has ${quoted(name)} twice`)
        names.add(name)
        isName = false
        if (open.length === 1 && name === unread) at = endOfValue(text, end)
        else at = end
      } else at = end
    } else if (character === '{' || character === '[') {
      if (open.length === DEPTH_LIMIT) refuse(`${what} is nested deeper than ${DEPTH_LIMIT} levels`)
      open.push(character === '{' ? new Set() : undefined)
      isName = character === '{'
    } else if (character === '}' || character === ']') {
      open.pop()
      isName = false
    } else if (character === ',') {
      isName = open.at(-1) !== undefined
    }
  }
}

/** Index of the last character of the value after the name that ends at `from`. */
function endOfValue(text: string, from: number): number {
  let depth = 0
  for (let at = from + 1; ; at += 1) {
    const character = text[at]
    if (character === '"') at = endOfText(text, at)
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') {
      // The brace that closes the object around a value without braces of its own.
      if (depth === 0) return at - 1
      depth -= 1
    } else if (character === ',' && depth === 0) return at - 1
  }
}

/** Index of the closing quote. */
function endOfText(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
}
