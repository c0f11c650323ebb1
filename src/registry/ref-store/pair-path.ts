/**
 * Where the pair of a ref lies below the folder of the `file` backend. Different refs have different paths, also on file
 * systems that fold case or Unicode forms: whatever is not `[a-z0-9_-]`, or a dot inside a segment, is written as `%` and
 * two hex digits a byte. `@` is never part of an encoded segment, so it marks what is not one.
 */

/** Most file systems take names of 255 bytes; the rest is for the suffix. */
const NAME_LIMIT = 200
const PAIR_SUFFIX = '@pair'
/** Ends a folder that holds only the beginning of a long segment. */
const CONTINUED_SUFFIX = '@more'

/** Relative path with `/`. `segments` as `parseRef` gives them. */
export function pairPath(segments: readonly string[]): string {
  return `${segments.map((segment) => pieces(encode(segment))).join('/')}${PAIR_SUFFIX}`
}

function encode(segment: string): string {
  let encoded = ''
  for (const byte of Buffer.from(segment)) {
    const character = String.fromCharCode(byte)
    const isPlain = /[a-z0-9_-]/.test(character) || (character === '.' && encoded !== '')
    encoded += isPlain ? character : `%${byte.toString(16).padStart(2, '0')}`
  }
  return encoded
}

function pieces(encoded: string): string {
  const parts = []
  for (let at = 0; at < encoded.length; at += NAME_LIMIT) parts.push(encoded.slice(at, at + NAME_LIMIT))
  return parts.join(`${CONTINUED_SUFFIX}/`)
}
