/**
 * One request and its answer, as the boundary sees them. The parts that cost something (query, body iterator, abort
 * signal) are made on first use, because the hottest routes use none of them.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Credential, credentialOf, NOBODY, requireNeed, type Standing } from './authenticate.ts'
import type { ApiRequest, Identity, Need } from './endpoint.ts'
import { expectsBody } from './request-body.ts'
import type { RequestFacts, Surface } from './surface.ts'

const SANE_ID = /^[A-Za-z0-9._-]{1,64}$/
/** Unique across restarts and replicas by its head, within the process by its count; a UUID each would cost more. */
const ID_HEAD = randomBytes(8).toString('hex')
let idCount = 0
const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/[^/?]*\/?/i
/** Requests whose sender waits for `100 Continue` before it sends the body. */
const awaitingContinue = new WeakSet<IncomingMessage>()

export function markAwaitingContinue(request: IncomingMessage): void {
  awaitingContinue.add(request)
}

function newId(): string {
  idCount += 1
  return `${ID_HEAD}-${idCount.toString(36)}`
}

export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The pattern of the route table. */
  readonly route: string
}

export class Exchange implements ApiRequest {
  readonly id: string
  readonly body: IncomingMessage
  readonly response: ServerResponse
  readonly surface: Surface
  readonly route: string
  params: Readonly<Record<string, string>> = {}
  identity: Identity = NOBODY
  /** Bytes of the answer's body that were written. */
  sent = 0
  readonly #startedAt = performance.now()
  #query: URLSearchParams | undefined
  #content: AsyncIterable<Uint8Array> | undefined
  #abort: AbortController | undefined
  #credential: Credential | undefined
  #client: string | undefined

  constructor(surface: Surface, { request, response, route }: Call) {
    const offered = request.headers['x-request-id']
    this.id = typeof offered === 'string' && SANE_ID.test(offered) ? offered : newId()
    this.surface = surface
    this.body = request
    this.response = response
    this.route = route
    if (surface.observers !== undefined && surface.observers.length > 0) this.#observe(surface.observers)
  }

  get method(): string {
    return this.body.method ?? 'GET'
  }

  get headers(): IncomingMessage['headers'] {
    return this.body.headers
  }

  get path(): string {
    const { url } = this
    const mark = url.indexOf('?')
    return mark < 0 ? url : url.slice(0, mark)
  }

  get query(): URLSearchParams {
    if (this.#query === undefined) {
      const { url } = this
      const mark = url.indexOf('?')
      this.#query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
    }
    return this.#query
  }

  get content(): AsyncIterable<Uint8Array> {
    // destroyOnReturn: a reader that throws half-way would else destroy the socket, and with it the answer.
    this.#content ??= this.body.iterator({ destroyOnReturn: false })
    return this.#content
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.#abort = abort
      if (this.isAbandoned) abort.abort()
      else this.response.once('close', () => this.response.writableFinished || abort.abort())
    }
    return this.#abort.signal
  }

  /** Nobody is left to answer. The response itself has no socket yet while an earlier answer is still going out. */
  get isAbandoned(): boolean {
    return this.response.destroyed || this.body.socket.destroyed
  }

  get credential(): Credential {
    this.#credential ??= credentialOf(this.body.headers.authorization)
    return this.#credential
  }

  get origin(): string {
    return this.surface.origins.urlOf(this.body)
  }

  get client(): string {
    this.#client ??= this.surface.origins.clientOf(this.body)
    return this.#client
  }

  standing(action: string, on: string): Standing {
    return this.surface.guard.decide(this.identity, action, on)
  }

  may(action: string, on: string): boolean {
    return this.standing(action, on) === 'allowed'
  }

  require(need: Need, all: readonly Need[] = [need]): void {
    requireNeed(this.surface.guard, this.identity, { need, all })
  }

  /** Lets a client that asked first send its body; one without a body has nothing to wait for. */
  welcomeBody(): void {
    if (!this.isAwaitingContinue || !awaitingContinue.delete(this.body) || !expectsBody(this.body)) return
    const { response } = this
    // Behind an earlier answer Node would queue it, and then put the head of this answer in front of it.
    if (response.socket) response.writeContinue()
    else response.once('socket', () => response.headersSent || response.writeContinue())
  }

  get isAwaitingContinue(): boolean {
    return this.body.headers.expect !== undefined && awaitingContinue.has(this.body)
  }

  /** Express cuts the mount point off `url`; the whole one is kept beside it. */
  private get url(): string {
    const url = (this.body as { originalUrl?: string }).originalUrl ?? this.body.url ?? '/'
    // A target in absolute form (RFC 9112 3.2.2) names a host of the client's choice, which no answer may repeat.
    return url.startsWith('/') ? url : url.replace(ABSOLUTE, '/')
  }

  #observe(observers: NonNullable<Surface['observers']>): void {
    for (const observer of observers) observer.started?.()
    const { socket } = this.body
    // Behind an earlier answer on the same connection it has no socket yet, and would not hear that the client left.
    const isQueued = this.response.socket === null
    let isOver = false
    const finish = () => {
      if (isOver) return
      isOver = true
      if (isQueued) socket.off('close', finish)
      const facts = this.#facts()
      for (const observer of observers) observer.finished(facts)
    }
    // `on`: it is told once, and the wrapper that `once` makes shows in the hottest path.
    this.response.on('close', finish)
    if (isQueued) socket.on('close', finish)
  }

  #facts(): RequestFacts {
    const { response } = this
    return {
      id: this.id,
      method: this.method,
      route: this.route,
      status: response.headersSent ? response.statusCode : 499,
      bytes: this.sent,
      milliseconds: performance.now() - this.#startedAt,
      actor: this.identity.name,
      client: this.client,
      aborted: !response.writableFinished,
    }
  }
}
