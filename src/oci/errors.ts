/**
 * How a refusal looks on `/v2/`: one row a code, exhaustive, so that a new code without a row does not compile.
 * Codes are those of distribution-spec main ("Error Codes"), and UNKNOWN and UNAVAILABLE of the Docker registry for
 * faults of the server. go-containerregistry repeats requests on BLOB_UPLOAD_INVALID, TOOMANYREQUESTS, UNKNOWN and
 * UNAVAILABLE (transport/error.go): no row whose cause lasts may use them.
 */
import {
  contentRangeOf,
  type ErrorContext,
  type Need,
  type Reply,
  RequestError,
  type RequestErrorCode,
} from '../http/index.ts'
import { type ErrorDetail, RegistryError, type RegistryErrorCode } from '../registry/index.ts'
import { challenge } from './challenge.ts'
import { receivedRange } from './headers.ts'

type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED'

export interface OciErrorRow {
  readonly status: number
  readonly code: OciErrorCode
  /** Shown where the error's own message must not be: on every 5xx. */
  readonly message: string
  readonly headers?: (detail: ErrorDetail, context: ErrorContext) => NonNullable<Reply['headers']>
}

const SERVER_FAULT = 'the server failed to answer; its log has the reason under the request id'

// biome-ignore format: a table reads by columns
export const OCI_ERRORS = {
  'name-invalid':            { status: 400, code: 'NAME_INVALID', message: 'not a repository name' },
  'tag-invalid':             { status: 400, code: 'NAME_INVALID', message: 'not a tag' },
  'path-invalid':            { status: 400, code: 'MANIFEST_INVALID', message: 'not a path in a package' },
  'path-taken':              { status: 409, code: 'MANIFEST_INVALID', message: 'the path is taken' },
  'digest-invalid':          { status: 400, code: 'DIGEST_INVALID', message: 'not a digest' },
  'digest-mismatch':         { status: 400, code: 'DIGEST_INVALID', message: 'the bytes have another digest' },
  'size-mismatch':           { status: 400, code: 'SIZE_INVALID', message: 'more or fewer bytes than announced' },
  'content-incomplete':      { status: 400, code: 'SIZE_INVALID', message: 'the body ended early' },
  'field-invalid':           { status: 400, code: 'UNSUPPORTED', message: 'a parameter is not acceptable' },
  'metadata-invalid':        { status: 400, code: 'MANIFEST_INVALID', message: 'annotations that cannot be kept' },
  'retention-class-unknown': { status: 400, code: 'MANIFEST_INVALID', message: 'no such retention class' },
  'package-unknown':         { status: 404, code: 'MANIFEST_UNKNOWN', message: 'no such package' },
  'file-unknown':            { status: 404, code: 'BLOB_UNKNOWN', message: 'no such file' },
  'package-finalized':       { status: 409, code: 'DENIED', message: 'the package is finalized' },
  'package-empty':           { status: 409, code: 'MANIFEST_INVALID', message: 'the package has no file' },
  'package-full':            { status: 413, code: 'SIZE_INVALID', message: 'the package can hold no more' },
  'package-not-finalized':   { status: 404, code: 'MANIFEST_UNKNOWN', message: 'the package is not finalized' },
  'repository-taken':        { status: 409, code: 'DENIED', message: 'the repository belongs to another package' },
  'repository-unknown':      { status: 404, code: 'NAME_UNKNOWN', message: 'no such repository' },
  'blob-unknown':            { status: 404, code: 'BLOB_UNKNOWN', message: 'no such blob in the repository' },
  'manifest-unknown':        { status: 404, code: 'MANIFEST_UNKNOWN', message: 'no such manifest in the repository' },
  'manifest-invalid':        { status: 400, code: 'MANIFEST_INVALID', message: 'not a manifest' },
  'manifest-too-large':      { status: 413, code: 'SIZE_INVALID', message: 'the manifest is too large' },
  // 400 and not the specification's 404: clients take a 404 of a PUT for a missing repository.
  'manifest-blob-unknown':   { status: 400, code: 'MANIFEST_BLOB_UNKNOWN', message: 'push the blob again first' },
  'tag-unknown':             { status: 404, code: 'MANIFEST_UNKNOWN', message: 'no such tag in the repository' },
  'tag-reserved':            { status: 403, code: 'DENIED', message: 'the tag belongs to a package' },
  'tag-immutable':           { status: 403, code: 'DENIED', message: 'a rule keeps the tag where it is' },
  'token-unknown':           { status: 404, code: 'NAME_UNKNOWN', message: 'no such token' },
  'upload-unknown':          { status: 404, code: 'BLOB_UPLOAD_UNKNOWN', message: 'no such upload' },
  'upload-offset-mismatch':  { status: 416, code: 'SIZE_INVALID', message: 'not where the upload ends', headers: resumePoint },
  'upload-busy':             { status: 429, code: 'TOOMANYREQUESTS', message: 'the upload is being written', headers: whenFree },
  'range-invalid':           { status: 416, code: 'SIZE_INVALID', message: 'no bytes in this range', headers: wholeSize },
  'cursor-unknown':          { status: 400, code: 'UNSUPPORTED', message: 'not a page of this list' },
  'idempotency-key-reused':  { status: 409, code: 'DENIED', message: 'the key came with another request' },
  'expiry-not-later':        { status: 409, code: 'UNSUPPORTED', message: 'the expiry is not later' },
  'class-not-stronger':      { status: 409, code: 'UNSUPPORTED', message: 'the class keeps for less' },
  'hold-unknown':            { status: 404, code: 'UNSUPPORTED', message: 'no such hold' },
  'clock-doubted':           { status: 409, code: 'UNSUPPORTED', message: 'the clock is not believed' },
  'hold-released':           { status: 409, code: 'UNSUPPORTED', message: 'the hold was released' },
  'retained':                { status: 403, code: 'DENIED', message: 'retention or a hold forbids the deletion' },
  'unauthenticated':         { status: 401, code: 'UNAUTHORIZED', message: 'a token is needed', headers: credentialWanted },
  'denied':                  { status: 403, code: 'DENIED', message: 'not allowed' },
  'ref-unknown':             { status: 404, code: 'MANIFEST_UNKNOWN', message: 'no such ref' },
  'ref-invalid':             { status: 400, code: 'NAME_INVALID', message: 'not a ref' },
  // Not BLOB_UNKNOWN: evidence that was stored and is gone must not look as if it had never been there.
  'content-missing':         { status: 500, code: 'UNKNOWN', message: 'the stored bytes are gone; the same content pushed again heals it' },
  'content-damaged':         { status: 500, code: 'UNKNOWN', message: 'the stored bytes are damaged; the same content pushed again heals it' },
  'storage-full':            { status: 507, code: 'DENIED', message: 'the store has no room' },
  'unavailable':             { status: 503, code: 'UNAVAILABLE', message: 'the store cannot be reached', headers: soon },
  'log-broken':              { status: 500, code: 'UNKNOWN', message: SERVER_FAULT },
  'schema-incompatible':     { status: 500, code: 'UNKNOWN', message: SERVER_FAULT },
} as const satisfies Record<RegistryErrorCode, OciErrorRow>

// biome-ignore format: a table reads by columns
export const OCI_REQUEST_ERRORS = {
  'credentials-missing': { status: 401, code: 'UNAUTHORIZED', message: 'a token is needed', headers: credentialWanted },
  'credentials-invalid': { status: 401, code: 'UNAUTHORIZED', message: 'the token is not valid', headers: otherCredentialWanted },
  'scope-insufficient':  { status: 401, code: 'UNAUTHORIZED', message: 'the token was asked for less', headers: widerScopeWanted },
  'access-denied':       { status: 403, code: 'DENIED', message: 'not allowed' },
  'attempts-exceeded':   { status: 429, code: 'TOOMANYREQUESTS', message: 'too many wrong credentials', headers: afterWait },
  'route-unknown':       { status: 404, code: 'UNSUPPORTED', message: 'nothing at this path' },
  'method-not-allowed':  { status: 405, code: 'UNSUPPORTED', message: 'not with this method', headers: allowed },
  'path-malformed':      { status: 400, code: 'NAME_INVALID', message: 'the path does not decode' },
  'url-too-long':        { status: 414, code: 'UNSUPPORTED', message: 'the path and query are too long' },
  'body-too-large':      { status: 413, code: 'SIZE_INVALID', message: 'the body is too large' },
  'body-incomplete':     { status: 400, code: 'SIZE_INVALID', message: 'the body ended early' },
  'internal':            { status: 500, code: 'UNKNOWN', message: SERVER_FAULT },
} as const satisfies Record<RequestErrorCode, OciErrorRow>

/** The error table of `/v2/` as the boundary calls it; undefined for what is in neither table. */
export function ociErrorReply(error: unknown, context: ErrorContext): Reply | undefined {
  if (error instanceof RegistryError) return replyOf(OCI_ERRORS[error.code], error, context)
  if (error instanceof RequestError) return replyOf(OCI_REQUEST_ERRORS[error.code], error, context)
  return undefined
}

function replyOf(row: OciErrorRow, error: RegistryError | RequestError, context: ErrorContext): Reply {
  const isOurs = row.status >= 500
  const { needs: _, ...shown } = error.detail
  const detail = isOurs ? { requestId: context.requestId } : shown
  const message = isOurs ? row.message : error.message
  const hasDetail = Object.keys(detail).length > 0
  return {
    status: row.status,
    headers: { 'Content-Type': 'application/json', ...row.headers?.(error.detail, context) },
    body: JSON.stringify({ errors: [{ code: row.code, message, ...(hasDetail && { detail }) }] }),
  }
}

/** regctl resumes from these without asking for the status first. */
function resumePoint({ size }: ErrorDetail, { path }: ErrorContext): NonNullable<Reply['headers']> {
  const location = path.endsWith('/') ? path.slice(0, -1) : path
  return {
    Location: location,
    'Docker-Upload-UUID': location.slice(location.lastIndexOf('/') + 1),
    Range: typeof size === 'number' ? receivedRange(size) : undefined,
  }
}

function wholeSize({ size }: ErrorDetail): NonNullable<Reply['headers']> {
  return { 'Content-Range': typeof size === 'number' ? contentRangeOf(size) : undefined }
}

function soon(): Record<string, number> {
  return { 'Retry-After': 1 }
}

/** regctl gives up at its second 429 in a row: it must not come back before the lease of a killed server is over. */
function whenFree({ seconds }: ErrorDetail): Record<string, number> {
  return typeof seconds === 'number' ? { 'Retry-After': seconds } : soon()
}

function credentialWanted({ needs }: ErrorDetail, context: ErrorContext): Readonly<Record<string, string>> {
  return challenge(context, (needs ?? []) as readonly Need[])
}

function otherCredentialWanted(_detail: ErrorDetail, context: ErrorContext): Readonly<Record<string, string>> {
  return challenge(context, [], 'invalid_token')
}

function widerScopeWanted({ needs }: ErrorDetail, context: ErrorContext): Readonly<Record<string, string>> {
  return challenge(context, (needs ?? []) as readonly Need[], 'insufficient_scope')
}

function afterWait({ retryAfterSeconds }: ErrorDetail): Record<string, number> {
  return { 'Retry-After': Number(retryAfterSeconds) }
}

function allowed({ allow }: ErrorDetail): Record<string, string> {
  return { Allow: String(allow) }
}
