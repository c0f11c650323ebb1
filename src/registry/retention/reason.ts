/** What every change of retention must say: why. */
import { RegistryError } from '../errors.ts'

/** Characters. */
const LIMIT = 2_000

/** Throws `field-invalid`. */
export function requireReason(reason: string): string {
  return requireWords('reason', reason, LIMIT)
}

/** Text of one or more lines that says something. Throws `field-invalid`. */
export function requireWords(field: string, text: string, limit: number): string {
  let problem: string | undefined
  if (text.trim() === '') problem = 'it is empty: say why in a sentence'
  else if (text.length > limit) problem = `it is longer than ${limit} characters`
  else if (!text.isWellFormed()) problem = 'it is not valid Unicode text'
  if (problem) throw new RegistryError('field-invalid', `The field '${field}' cannot be used: ${problem}`, { field })
  return text
}
