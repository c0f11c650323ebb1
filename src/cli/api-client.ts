/**
 * The native API over HTTP: one request function that knows the token, reads problem documents and tries again while
 * the server is away. Everything it sends may be repeated: bodies are values, and what is not idempotent by itself
 * carries an idempotency key or an offset.
 */
import type { ProblemJson } from '../native-api/wire.ts'
import { problemCode } from '../native-api/wire.ts'
import { CliError, EXIT, exitForStatus } from './failure.ts'
import { firstContact, type Outage, type RetryPolicy, withRetry } from './retry.ts'
import { printable } from './terminal.ts'

export interface ApiRequest {
  readonly method?: string
  readonly path: string
  readonly query?: URLSearchParams
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | string | FormData
  /** JSON body; sets the content type. */
  readonly json?: unknown
  /** Statuses to hand back although they are no success. */
  readonly accept?: readonly number[]
  readonly signal?: AbortSignal
}

export interface ApiClientOptions {
  readonly baseUrl: string
  readonly token: string | undefined
  readonly retry: RetryPolicy
  readonly userAgent: string
}

/** An answer of the server that is no success. */
export class ApiError extends CliError {
  readonly status: number
  /** The code in the problem's type, e.g. `package-finalized`; undefined when something else answered. */
  readonly problemCode: string | undefined
  readonly retryAfterMilliseconds: number | undefined

  constructor(response: Response, problem: Partial<ProblemJson> | undefined, request: string) {
    const code = problem?.type === undefined ? undefined : problemCode(problem.type)
    const said = problem?.detail ?? problem?.title ?? `the server answered ${response.status} to ${request}`
    const hint =
      response.status === 401 ? '; give a token with --token, ARTIFACTSTORE_API_TOKEN or artifactstore login' : ''
    const message = `${said}${hint}`
    super({
      code: code ?? `http-${response.status}`,
      message,
      exit:
        code === 'digest-mismatch' || code === 'size-mismatch' ? EXIT.contentMismatch : exitForStatus(response.status),
      ...(problem ? { problem } : {}),
    })
    this.status = response.status
    this.problemCode = code
    const after = Number(response.headers.get('retry-after'))
    this.retryAfterMilliseconds = after > 0 ? after * 1000 : undefined
  }
}

export class UnreachableError extends CliError {
  /** e.g. ECONNREFUSED. */
  readonly reason: string

  constructor(baseUrl: string, cause: unknown) {
    const reason = reasonOf(cause)
    super(
      {
        code: 'unreachable',
        message: `no answer from ${baseUrl} (${reason}); is the server running? artifactstore serve starts one here, --api-url names another`,
        exit: EXIT.unreachable,
      },
      { cause },
    )
    this.reason = reason
  }
}

export class ApiClient {
  readonly baseUrl: string
  readonly #options: ApiClientOptions
  #hasAnswered = false

  constructor(options: ApiClientOptions) {
    this.baseUrl = options.baseUrl
    this.#options = options
  }

  /** Throws `ApiError`, or `UnreachableError` when the retry policy gives up. */
  async request(request: ApiRequest): Promise<Response> {
    return this.retrying(() => this.once(request))
  }

  /** Runs `attempt` under the retry policy. */
  async retrying<T>(attempt: () => Promise<T>, isOutage = outageOf): Promise<T> {
    // A server that never answered is more likely not there than about to return.
    const policy = this.#hasAnswered ? this.#options.retry : firstContact(this.#options.retry)
    return withRetry(policy, attempt, isOutage)
  }

  /** Without a second attempt. */
  async once(request: ApiRequest): Promise<Response> {
    const response = await this.#send(request)
    this.#hasAnswered = true
    if (response.ok || request.accept?.includes(response.status)) return response
    throw new ApiError(response, await problemOf(response), `${request.method ?? 'GET'} ${request.path}`)
  }

  async json<T>(request: ApiRequest): Promise<T> {
    return this.retrying(async () => this.parsed<T>(await this.once(request)))
  }

  async #send(request: ApiRequest): Promise<Response> {
    const query = request.query?.size ? `?${request.query}` : ''
    const body = request.json === undefined ? request.body : JSON.stringify(request.json)
    const { token, userAgent } = this.#options
    try {
      return await fetch(`${this.baseUrl}${request.path}${query}`, {
        method: request.method ?? 'GET',
        headers: {
          accept: 'application/json',
          'user-agent': userAgent,
          ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...request.headers,
        },
        ...(body === undefined ? {} : { body }),
        ...(request.signal ? { signal: request.signal } : {}),
        // A token must not follow a redirect to whoever answered.
        redirect: 'error',
      })
    } catch (error) {
      if (request.signal?.aborted) throw error
      throw new UnreachableError(this.baseUrl, error)
    }
  }

  /** The body as JSON. Throws `UnreachableError` when it breaks off. */
  async parsed<T>(response: Response): Promise<T> {
    const text = await response.text().catch((error: unknown) => {
      throw new UnreachableError(this.baseUrl, error)
    })
    try {
      return JSON.parse(text) as T
    } catch {
      throw new CliError({
        code: 'not-an-artifact-store',
        message: `${this.baseUrl} answered something else than JSON; is this the URL of an artifact-store?`,
        exit: EXIT.failure,
      })
    }
  }
}

/** What is worth another attempt: no connection, and the statuses that say "not now". */
export function outageOf(error: unknown): Outage | undefined {
  if (error instanceof UnreachableError) return { reason: error.reason }
  if (error instanceof ApiError && [429, 502, 503, 504].includes(error.status)) {
    const { retryAfterMilliseconds } = error
    const reason = `status ${error.status}`
    return retryAfterMilliseconds === undefined ? { reason } : { reason, waitMilliseconds: retryAfterMilliseconds }
  }
  return undefined
}

function reasonOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException
    if (typeof code === 'string' && code !== '') return code
    if (at instanceof AggregateError && at.errors.length > 0) return reasonOf(at.errors[0])
    if (at.cause === undefined) return at.message
  }
  return 'connection failed'
}

async function problemOf(response: Response): Promise<Partial<ProblemJson> | undefined> {
  if (!/\bjson\b/.test(response.headers.get('content-type') ?? '')) {
    await response.body?.cancel()
    return undefined
  }
  try {
    const value: unknown = JSON.parse(await response.text())
    if (typeof value !== 'object' || value === null) return undefined
    const problem = value as Partial<ProblemJson>
    return typeof problem.detail === 'string' ? { ...problem, detail: printable(problem.detail) } : problem
  } catch {
    return undefined
  }
}
