/**
 * The ref store: a named pair of opaque blobs (data and its manifest) under a `/`-separated key, for programs that keep
 * snapshots and the like. Backends are chosen by name; this file is the seam and the grammar of refs.
 */
import { isRegistryError, RegistryError } from '../errors.ts'
import { printable } from '../names.ts'

export interface RefPair {
  readonly data: Uint8Array
  readonly manifest: Uint8Array
}

export interface RefStore {
  /** The backend's identity, for logs. */
  readonly name: string
  /**
   * Keeps the pair under `ref`, durable when it resolves. Both become visible together or not at all; other bytes replace
   * both together; identical bytes change nothing. Throws `ref-invalid`, `storage-full`, `unavailable`.
   */
  put(ref: string, data: Uint8Array, manifest: Uint8Array): Promise<void>
  /** Data and manifest of one and the same put. Throws `ref-unknown`, `ref-invalid`, `content-damaged`. */
  get(ref: string): Promise<RefPair>
  /** Throws `ref-invalid`. */
  exists(ref: string): Promise<boolean>
}

/** Bytes of UTF-8. */
export const REF_LIMIT_BYTES = 1024

/** Whether the error means that nothing is kept under the ref. */
export function isRefNotFound(error: unknown): boolean {
  return isRegistryError(error, 'ref-unknown')
}

export function refUnknown(ref: string): RegistryError {
  return new RegistryError('ref-unknown', `nothing is kept under '${printable(ref)}'`, { field: 'ref' })
}

/** Segments of a ref, each of at least one character. Throws `ref-invalid`. */
export function parseRef(ref: string): readonly string[] {
  const segments = ref.split('/')
  const problem = refProblem(ref, segments)
  if (problem === undefined) return segments
  throw new RegistryError(
    'ref-invalid',
    `'${printable(ref)}' is not a ref: ${problem}; use segments separated by '/', such as stacks/web/42`,
    { field: 'ref' },
  )
}

function refProblem(ref: string, segments: readonly string[]): string | undefined {
  if (ref === '') return 'it is empty'
  if (!ref.isWellFormed()) return 'it is not valid Unicode text'
  if (Buffer.byteLength(ref) > REF_LIMIT_BYTES) return `it is longer than ${REF_LIMIT_BYTES} bytes`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f-\u009f]/.test(ref)) return 'it contains a control character'
  if (segments.includes('')) return 'it has an empty segment'
  if (segments.some((segment) => segment === '.' || segment === '..')) return "it has a segment '.' or '..'"
  return undefined
}
