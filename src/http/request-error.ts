/**
 * What the boundary itself refuses, before or instead of a handler: a closed list, so that every surface maps it by an
 * exhaustive table into its own error body.
 */

export const REQUEST_ERROR_CODES = [
  /** The route needs a credential and none came. */
  'credentials-missing',
  /** A credential came and is not one of ours, or is not readable. */
  'credentials-invalid',
  /** Too many wrong credentials: `detail.retryAfterSeconds`. */
  'attempts-exceeded',
  /** The identity is known and may not do this. */
  'access-denied',
  /** The identity may, and its access token was asked for less. */
  'scope-insufficient',
  /** No route has this path. */
  'route-unknown',
  /** The path is known, with other methods: `detail.allow` lists them. */
  'method-not-allowed',
  /** The path does not decode, or an encoded '/' stands where a name segment belongs. */
  'path-malformed',
  /** The request's target is longer than `detail.limit` characters. */
  'url-too-long',
  /** The body passes the limit of the route: `detail.limit`, in bytes. */
  'body-too-large',
  /** The body ended before the length that was announced. */
  'body-incomplete',
  /** Anything unforeseen: the client learns the request id and nothing else. */
  'internal',
] as const
export type RequestErrorCode = (typeof REQUEST_ERROR_CODES)[number]

export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode
  readonly detail: Readonly<Record<string, unknown>>

  /** `message` is shown to clients. */
  constructor(
    code: RequestErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options: { cause?: unknown } = {},
  ) {
    super(message, options)
    this.code = code
    this.detail = detail
  }
}
