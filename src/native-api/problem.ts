/**
 * How a refusal looks on the native API: one exhaustive table from code to status and title, and the problem document
 * (RFC 9457) made from it. What is no coded refusal is left to the boundary, which logs it and asks again for
 * `internal`: no word of its cause reaches the client.
 */
import { type ErrorContext, type Reply, RequestError, type RequestErrorCode } from '../http/index.ts'
import { REGISTRY_ERROR_CODES, RegistryError, type RegistryErrorCode } from '../registry/index.ts'
import { type JsonValue, MEDIA_TYPES, type ProblemJson, problemType } from './wire.ts'

export interface ProblemKind {
  readonly status: number
  readonly title: string
}

/** Refusals that the domain knows nothing of: they are about this API's requests, not about packages. */
export const NATIVE_PROBLEM_CODES = [
  /** The request body is not JSON; `detail` names line and column. */
  'json-invalid',
  /** The multipart form is broken, lacks its file part, or has parts where they cannot be. */
  'form-invalid',
  /** The body is larger than this route takes. */
  'body-too-large',
  /** The body is of a media type that this route does not take. */
  'media-type-unsupported',
  /** Nothing this route can answer with satisfies the Accept header. */
  'not-acceptable',
  /** If-Match or If-Unmodified-Since does not hold. */
  'precondition-failed',
  /** No route of this path. */
  'route-unknown',
  /** The path exists, but not with this method; the Allow header lists those it takes. */
  'method-not-allowed',
  /** The path does not decode, or an encoded '/' stands where a name belongs. */
  'path-malformed',
  /** Too many wrong credentials came from this address or for this name; Retry-After says when to go on. */
  'attempts-exceeded',
  /** The path and query are longer than is taken. */
  'url-too-long',
  /** A fault of the server; the log has it under the request id. */
  'internal',
] as const
export type NativeProblemCode = (typeof NATIVE_PROBLEM_CODES)[number]
export type ProblemCode = RegistryErrorCode | NativeProblemCode

// biome-ignore format: a table reads by columns
export const PROBLEMS = {
  'name-invalid':            { status: 400, title: 'Not a repository name' },
  'tag-invalid':             { status: 400, title: 'Not a tag' },
  'path-invalid':            { status: 400, title: 'Not a path inside a package' },
  'path-taken':              { status: 409, title: 'The package already has a file at this path' },
  'digest-invalid':          { status: 400, title: 'Not a digest' },
  'digest-mismatch':         { status: 400, title: 'The bytes do not have the named digest' },
  'size-mismatch':           { status: 400, title: 'More or fewer bytes than announced' },
  'content-incomplete':      { status: 400, title: 'The body ended early' },
  'field-invalid':           { status: 400, title: 'A field is missing or not acceptable' },
  'metadata-invalid':        { status: 400, title: 'Metadata that cannot be kept' },
  'retention-class-unknown': { status: 400, title: 'No such retention class' },
  'package-unknown':         { status: 404, title: 'No such package' },
  'file-unknown':            { status: 404, title: 'No such file' },
  'package-finalized':       { status: 409, title: 'The package is finalized' },
  'package-empty':           { status: 409, title: 'The package has no file' },
  'package-full':            { status: 409, title: 'The package can hold no more' },
  'package-not-finalized':   { status: 409, title: 'The package is not finalized' },
  'repository-taken':        { status: 409, title: 'The repository belongs to another package name' },
  'repository-unknown':      { status: 404, title: 'No such repository' },
  'blob-unknown':            { status: 404, title: 'No such blob' },
  'manifest-unknown':        { status: 404, title: 'No such manifest' },
  'manifest-invalid':        { status: 400, title: 'Not a valid manifest' },
  'manifest-too-large':      { status: 413, title: 'The manifest is too large' },
  'manifest-blob-unknown':   { status: 400, title: 'The manifest names a blob that was deleted' },
  'tag-unknown':             { status: 404, title: 'No such tag' },
  'tag-reserved':            { status: 403, title: 'The tag belongs to a package' },
  'tag-immutable':           { status: 403, title: 'A rule keeps the tag where it is' },
  'token-unknown':           { status: 404, title: 'No such token' },
  'upload-unknown':          { status: 404, title: 'No such upload' },
  'upload-offset-mismatch':  { status: 416, title: 'The bytes do not start where the upload ends' },
  'upload-busy':             { status: 409, title: 'Another request is writing to this upload' },
  'range-invalid':           { status: 416, title: 'The range lies outside the bytes' },
  'cursor-unknown':          { status: 409, title: 'The cursor is not one of this log or list' },
  'idempotency-key-reused':  { status: 422, title: 'The idempotency key came with another request' },
  'expiry-not-later':        { status: 409, title: 'The expiry is not later' },
  'class-not-stronger':      { status: 409, title: 'The class keeps for less' },
  'hold-unknown':            { status: 404, title: 'No such hold' },
  'clock-doubted':           { status: 409, title: 'The clock is not believed' },
  'hold-released':           { status: 409, title: 'The hold was released' },
  'retained':                { status: 403, title: 'Retention forbids the deletion' },
  'unauthenticated':         { status: 401, title: 'A credential is needed' },
  'denied':                  { status: 403, title: 'Not allowed' },
  'ref-unknown':             { status: 404, title: 'Nothing is kept under this ref' },
  'ref-invalid':             { status: 400, title: 'Not a ref' },
  'content-missing':         { status: 500, title: 'Stored bytes are missing' },
  'content-damaged':         { status: 500, title: 'Stored bytes are damaged' },
  'storage-full':            { status: 507, title: 'The store has no room' },
  'unavailable':             { status: 503, title: 'The store or the database does not answer' },
  'log-broken':              { status: 500, title: 'The event log is broken' },
  'schema-incompatible':     { status: 500, title: 'The database schema does not fit this server' },
  'json-invalid':            { status: 400, title: 'The body is not JSON' },
  'form-invalid':            { status: 400, title: 'The form is not acceptable' },
  'body-too-large':          { status: 413, title: 'The body is too large' },
  'media-type-unsupported':  { status: 415, title: 'The body has an unsupported media type' },
  'not-acceptable':          { status: 406, title: 'No acceptable representation' },
  'precondition-failed':     { status: 412, title: 'A precondition does not hold' },
  'route-unknown':           { status: 404, title: 'No such route' },
  'method-not-allowed':      { status: 405, title: 'The route does not take this method' },
  'path-malformed':          { status: 400, title: 'The path does not decode' },
  'attempts-exceeded':       { status: 429, title: 'Too many wrong credentials' },
  'url-too-long':            { status: 414, title: 'The path and query are too long' },
  'internal':                { status: 500, title: 'A fault of the server' },
} as const satisfies Record<ProblemCode, ProblemKind>

/** Every code that this API can answer with, in the order of the documentation. */
export const PROBLEM_CODES: readonly ProblemCode[] = [...REGISTRY_ERROR_CODES, ...NATIVE_PROBLEM_CODES]

/** A refusal of this API. `message` is shown to clients; `headers` go onto the answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ProblemCode
  readonly detail: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    message: string,
    options: {
      detail?: Readonly<Record<string, unknown>>
      headers?: Readonly<Record<string, string>>
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.detail = options.detail ?? {}
    this.headers = options.headers ?? {}
  }
}

/** A wrong input, named by its name in the API. */
export function fieldInvalid(field: string, message: string, detail: Readonly<Record<string, unknown>> = {}): ApiError {
  return new ApiError('field-invalid', message, { detail: { field, ...detail } })
}

/** What the HTTP boundary refuses before a handler runs, in the words of this API. */
const BOUNDARY_CODES = {
  'credentials-missing': 'unauthenticated',
  'credentials-invalid': 'unauthenticated',
  'scope-insufficient': 'unauthenticated',
  'access-denied': 'denied',
  'attempts-exceeded': 'attempts-exceeded',
  'url-too-long': 'url-too-long',
  'route-unknown': 'route-unknown',
  'method-not-allowed': 'method-not-allowed',
  'path-malformed': 'path-malformed',
  'body-too-large': 'body-too-large',
  'body-incomplete': 'content-incomplete',
  internal: 'internal',
} as const satisfies Record<RequestErrorCode, ProblemCode>

interface Refusal {
  readonly code: ProblemCode
  readonly message: string
  readonly detail: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof ApiError || error instanceof RegistryError) return error
  if (!(error instanceof RequestError)) return undefined
  const { needs: _, ...detail } = error.detail
  return { code: BOUNDARY_CODES[error.code], message: error.message, detail }
}

/** On every 5xx: the cause may name paths and addresses of the inside. */
const FAULT = 'The server could not do this; its log has the reason under this request id'

/** Headers that a status owes its client, whoever refused. */
function headersFor(code: ProblemCode, detail: Readonly<Record<string, unknown>>): Record<string, string> {
  const headers: Record<string, string> = {}
  // RFC 9110, section 15.5.2: a 401 "MUST send a WWW-Authenticate header field".
  if (code === 'unauthenticated') headers['WWW-Authenticate'] = 'Bearer realm="artifact-store"'
  if (code === 'unavailable' || code === 'upload-busy') headers['Retry-After'] = '1'
  if (code === 'attempts-exceeded') headers['Retry-After'] = String(detail.retryAfterSeconds)
  if (code === 'method-not-allowed' && typeof detail.allow === 'string') headers.Allow = detail.allow
  if (code === 'upload-offset-mismatch' && typeof detail.size === 'number') {
    Object.assign(headers, receivedRange(detail.size))
  }
  return headers
}

/** The Range header that tells which bytes of an upload are here. An empty upload has no range, so no header. */
export function receivedRange(size: number): Record<string, string> {
  return size === 0 ? {} : { Range: `0-${size - 1}` }
}

/** The problem document of `error`; undefined for what is no coded refusal: that becomes `internal` at the boundary. */
export function problemReply(error: unknown, { requestId, path }: ErrorContext): Reply | undefined {
  const refusal = refusalOf(error)
  if (refusal === undefined) return undefined
  const { code, detail } = refusal
  const isFault = PROBLEMS[code].status >= 500
  const { field, ...context } = isFault ? {} : plainData(detail)
  const problem: ProblemJson = {
    type: problemType(code),
    title: PROBLEMS[code].title,
    status: PROBLEMS[code].status,
    detail: isFault ? FAULT : refusal.message,
    instance: path,
    request_id: requestId,
    ...(typeof field === 'string' ? { field } : {}),
    ...(Object.keys(context).length === 0 ? {} : { context }),
  }
  return {
    status: problem.status,
    headers: {
      'Content-Type': MEDIA_TYPES.problem,
      'Cache-Control': 'no-store',
      ...headersFor(code, detail),
      ...refusal.headers,
    },
    body: JSON.stringify(problem),
  }
}

/** Detail as JSON: snake_case names at the top, and nothing that JSON cannot say. */
function plainData(detail: Readonly<Record<string, unknown>>): Record<string, JsonValue> {
  const plain: Record<string, JsonValue> = {}
  for (const [name, value] of Object.entries(detail)) {
    if (value === undefined) continue
    const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
    if (text === undefined) continue
    plain[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = JSON.parse(text) as JsonValue
  }
  return plain
}
