/** Opaque cursors of pages: base64url of a JSON list, so that keys of any text survive. */
import { RegistryError } from './errors.ts'

export function encodeCursor(...keys: readonly string[]): string {
  return Buffer.from(JSON.stringify(keys)).toString('base64url')
}

/** Throws `cursor-unknown` for what `encodeCursor` cannot have made with this number of keys. */
export function decodeCursor(cursor: string, keys: number): string[] {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (Array.isArray(decoded) && decoded.length === keys && decoded.every((key) => typeof key === 'string'))
      return decoded
  } catch {
    // Not JSON: the answer below fits that too.
  }
  throw new RegistryError('cursor-unknown', 'The cursor was not made by this list: start again without one', {
    field: 'cursor',
  })
}
