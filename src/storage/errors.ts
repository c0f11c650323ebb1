/** What a store can say when it cannot do what was asked: a closed list, and whether trying again can help. */

export const STORAGE_ERROR_CODES = [
  /** No blob is stored under this digest. */
  'blob-missing',
  /** The bytes do not hash to the digest they came with. */
  'digest-mismatch',
  /** More or fewer bytes than announced. */
  'size-mismatch',
  /** The upload holds another number of bytes than the caller believes. */
  'offset-mismatch',
  /** No upload of this id has bytes here. */
  'upload-missing',
  /** The range lies outside the blob. */
  'range-invalid',
  /** The store refuses writes. */
  'read-only',
  /** No room for more bytes. */
  'no-space',
  /** The backend cannot be reached or answered with a failure of its own. */
  'unavailable',
] as const
export type StorageErrorCode = (typeof STORAGE_ERROR_CODES)[number]

export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  /** Facts for the reader of the error: never prose made for one protocol. */
  readonly detail: Readonly<Record<string, unknown>>
  /** Whether the same call can succeed later without anyone changing anything. */
  readonly retryable: boolean

  constructor(
    code: StorageErrorCode,
    detail: Readonly<Record<string, unknown>> = {},
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(`${code} ${JSON.stringify(detail)}`, { cause: options.cause })
    this.code = code
    this.detail = detail
    this.retryable = options.retryable ?? false
  }
}
