/**
 * Every refusal of the domain: a closed list of codes, each with one comment on what it means. HTTP surfaces map the
 * codes by an exhaustive table of their own (`oci/errors.ts`, `native-api/problem.ts`); nothing here knows HTTP.
 */

export const REGISTRY_ERROR_CODES = [
  /** A repository name that the distribution specification does not allow. */
  'name-invalid',
  /** A tag outside `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. */
  'tag-invalid',
  /** A relative path that leaves the package, is absolute, reserved, too long or not text. */
  'path-invalid',
  /** Another file of the package has this path, or one equal to it under NFC. */
  'path-taken',
  /** A digest that is malformed or of an algorithm that is not stored here. */
  'digest-invalid',
  /** The bytes received do not hash to the digest that was named. */
  'digest-mismatch',
  /** More or fewer bytes than were announced. */
  'size-mismatch',
  /** The sender stopped before the end of the body. */
  'content-incomplete',
  /** A field of the request is missing, of the wrong kind or out of bounds; `detail.field` names it. */
  'field-invalid',
  /** Package metadata that is not I-JSON, too large or too deep. */
  'metadata-invalid',
  /** No retention class of this name; `detail.known` lists them. */
  'retention-class-unknown',
  'package-unknown',
  'file-unknown',
  /** The package is finalized: it cannot change any more. */
  'package-finalized',
  /** A package is finalized with at least one file. */
  'package-empty',
  /** One more file would pass the limit of files or manifest bytes of a package. */
  'package-full',
  /** The package exists and is not finalized, so it has no manifest yet. */
  'package-not-finalized',
  /** Another (producer, name) pair already owns the repository that this pair maps to. */
  'repository-taken',
  'repository-unknown',
  'blob-unknown',
  'manifest-unknown',
  'manifest-invalid',
  /** Over 4 MiB on `/v2/`. */
  'manifest-too-large',
  /** The manifest names a blob that was deleted from this repository: push it again first. */
  'manifest-blob-unknown',
  'tag-unknown',
  /** Tags equal to a package id belong to that package. */
  'tag-reserved',
  /** A rule says that this tag never moves; `detail.pattern` is the rule's. */
  'tag-immutable',
  /** No issued token of this id. */
  'token-unknown',
  'upload-unknown',
  /** The bytes do not start where the upload ends; `detail.size` tells where that is. */
  'upload-offset-mismatch',
  /** Another request is writing to this upload. */
  'upload-busy',
  'range-invalid',
  /** A feed or page cursor of another epoch, beyond the head, or not made here. */
  'cursor-unknown',
  /** The same idempotency key came with another request. */
  'idempotency-key-reused',
  /** An extension that does not end later than what stands; `detail.expires_at` is that. */
  'expiry-not-later',
  /** A class is changed to a longer one only. */
  'class-not-stronger',
  'hold-unknown',
  /** The clock jumped by more than a day: nothing expires until an operator has looked at it. */
  'clock-doubted',
  /** The hold stands no more. */
  'hold-released',
  /** The package's retention class or a hold forbids the deletion. */
  'retained',
  /** No valid credential, and the action needs one. */
  'unauthenticated',
  /** The identity is known and may not do this. */
  'denied',
  /** Nothing is kept under this ref of the ref store. */
  'ref-unknown',
  /** A ref that is empty, not text or out of the grammar. */
  'ref-invalid',
  /** The log says the bytes were stored and the store does not have them: an alarm, never a 404. */
  'content-missing',
  /** The stored bytes are not what the log says: an alarm; they are not served. */
  'content-damaged',
  /** The store has no room. */
  'storage-full',
  /** The store or the database cannot be reached or refuses writes. */
  'unavailable',
  /** The event log or its chain is broken: nothing may build on it. */
  'log-broken',
  /** The database's schema is older or newer than this server works with. */
  'schema-incompatible',
] as const
export type RegistryErrorCode = (typeof REGISTRY_ERROR_CODES)[number]

/** Facts about a refusal: plain data. `field` names the input at fault, by its name in the API. */
export type ErrorDetail = Readonly<Record<string, unknown>> & { readonly field?: string }

export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: RegistryErrorCode
  readonly detail: ErrorDetail

  /** `message` says in one sentence what was wrong, where, and what would be right; it is shown to clients. */
  constructor(code: RegistryErrorCode, message: string, detail: ErrorDetail = {}, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
    this.detail = detail
  }
}

export function isRegistryError(error: unknown, code?: RegistryErrorCode): error is RegistryError {
  return error instanceof RegistryError && (code === undefined || error.code === code)
}
