/**
 * Package metadata: a JSON object whose every value survives JSON, CBOR and both databases unchanged (I-JSON, RFC 7493).
 */
import canonicalize from 'canonicalize'
import { RegistryError } from '../errors.ts'
import { printable } from '../names.ts'
import type { JsonValue, Metadata } from '../registry.ts'
import { jsonTextProblem } from './json-text.ts'

/** Bytes of the JCS text. */
export const METADATA_LIMIT_BYTES = 64 * 1024
/** Objects and arrays inside one another, the metadata object itself counted. */
export const METADATA_DEPTH_LIMIT = 16
export const METADATA_KEY_LIMIT_BYTES = 256
export const SEARCHED_VALUE_LIMIT_BYTES = 1024

export interface MetadataProblem {
  /** JSON pointer inside the metadata; empty for the metadata itself. */
  readonly pointer: string
  readonly reason: string
}

/** What is wrong with `value` as metadata; undefined when nothing is. */
export function metadataProblem(value: unknown): MetadataProblem | undefined {
  if (!isPlainObject(value)) return { pointer: '', reason: 'it is not a JSON object' }
  const problem = problemIn(value, '', 1)
  if (problem) return problem
  const size = Buffer.byteLength(canonicalize(value) as string)
  if (size <= METADATA_LIMIT_BYTES) return undefined
  return { pointer: '', reason: `it takes ${size} bytes as canonical JSON, and ${METADATA_LIMIT_BYTES} are allowed` }
}

/** Returns `value` itself. Throws `metadata-invalid`; `detail.field` is the JSON pointer under `/metadata`. */
export function validateMetadata(value: unknown): Metadata {
  const problem = metadataProblem(value)
  if (problem) throw metadataInvalid(problem)
  return value as Metadata
}

/**
 * Metadata from JSON text. Throws `metadata-invalid` also for what a parsed value no longer shows: repeated names.
 */
export function parseMetadataText(text: string): Metadata {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw metadataInvalid({ pointer: '', reason: 'it is not JSON' }, cause)
  }
  const problem = jsonTextProblem(text)
  if (problem) throw metadataInvalid({ pointer: problem.pointer, reason: `it ${problem.reason}` })
  return validateMetadata(value)
}

/**
 * The text of each top-level scalar, as filters `key=value` compare it. Objects and arrays cannot be searched for, nor
 * what is longer than a database's index takes (PostgreSQL: 2,704 bytes for a whole entry): it is kept all the same.
 */
export function searchKeys(metadata: Metadata): ReadonlyMap<string, string> {
  const keys = new Map<string, string>()
  for (const [key, value] of Object.entries(metadata)) {
    if (value !== null && typeof value === 'object') continue
    const text = typeof value === 'string' ? value : (canonicalize(value) as string)
    if (Buffer.byteLength(key) > METADATA_KEY_LIMIT_BYTES || Buffer.byteLength(text) > SEARCHED_VALUE_LIMIT_BYTES)
      continue
    keys.set(key, text)
  }
  return keys
}

function problemIn(value: unknown, pointer: string, depth: number): MetadataProblem | undefined {
  if (typeof value === 'string') {
    return isStorable(value) ? undefined : { pointer, reason: 'it contains a lone surrogate or U+0000' }
  }
  if (typeof value === 'number') return numberProblem(value, pointer)
  if (value === null || typeof value === 'boolean') return undefined
  if (depth > METADATA_DEPTH_LIMIT) {
    return { pointer, reason: `it is nested deeper than ${METADATA_DEPTH_LIMIT} levels` }
  }
  if (Array.isArray(value)) return firstProblem(value.entries(), pointer, depth)
  if (isPlainObject(value)) return firstProblem(Object.entries(value), pointer, depth)
  return { pointer, reason: 'it is no JSON value' }
}

function firstProblem(
  members: Iterable<[string | number, unknown]>,
  pointer: string,
  depth: number,
): MetadataProblem | undefined {
  for (const [step, member] of members) {
    const at = `${pointer}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`
    const problem = (typeof step === 'string' && keyProblem(step, at)) || problemIn(member, at, depth + 1)
    if (problem) return problem
  }
  return undefined
}

function keyProblem(key: string, pointer: string): MetadataProblem | undefined {
  if (!isStorable(key)) return { pointer, reason: 'its name contains a lone surrogate or U+0000' }
  if (Buffer.byteLength(key) <= METADATA_KEY_LIMIT_BYTES) return undefined
  return { pointer, reason: `its name is longer than ${METADATA_KEY_LIMIT_BYTES} bytes` }
}

/** PostgreSQL keeps no U+0000 in text. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

function numberProblem(value: number, pointer: string): MetadataProblem | undefined {
  if (!Number.isFinite(value)) return { pointer, reason: 'it is no finite number' }
  // JSON.parse has rounded it already if it was written with more digits: only the refusal is honest.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return { pointer, reason: 'it is an integer outside -(2^53-1) to 2^53-1; write it as text' }
  }
  return undefined
}

function isPlainObject(value: unknown): value is { readonly [key: string]: JsonValue } {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function metadataInvalid({ pointer, reason }: MetadataProblem, cause?: unknown): RegistryError {
  return new RegistryError(
    'metadata-invalid',
    `metadata is refused at '${printable(pointer) || '/'}': ${reason}`,
    { field: `/metadata${pointer}`, reason },
    { cause },
  )
}
