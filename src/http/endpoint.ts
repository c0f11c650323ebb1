/**
 * An endpoint: one row of a surface's route table. The boundary runs, in this order: request id, identity, the access
 * check (before any look-up, so that existence does not leak), the handler, and the error table of the surface.
 */
import type { IncomingMessage } from 'node:http'
import type { Credential, Standing } from './authenticate.ts'
import type { Reply } from './reply.ts'

/** Who is asking, in the domain's words. `name` becomes the `actor` of events. */
export interface Identity {
  readonly name: string
  readonly kind: string
}

/** A right that a request needs: one of the actions on a resource, on `EVERYTHING` or `SOMEWHERE`. */
export interface Need {
  readonly anyOf: readonly string[]
  readonly on: string
}

/**
 * `open`: names no repository, path or package. `identified`: a credential, where one comes, must be valid. Else: the
 * rights that the request needs, read off its path and query alone.
 */
export type Access = 'open' | 'identified' | ((request: ApiRequest) => readonly Need[])

export interface ApiRequest {
  readonly id: string
  /** Upper case; HEAD also reaches the handler of a GET row. */
  readonly method: string
  /** The path as the client sent it, without the query. */
  readonly path: string
  /** Path parameters, percent-decoded once; a wildcard's segments are joined with '/'. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly identity: Identity
  readonly credential: Credential
  /** `scheme://host[:port]` under which the client reaches this server. */
  readonly origin: string
  /** The client's address, as far as trusted proxies tell it. */
  readonly client: string
  /** The body, not yet read: for parsers that want a stream. A `for await` over it that stops early cuts the line. */
  readonly body: IncomingMessage
  /** The body's bytes. A reader that stops early leaves the connection able to carry the answer. */
  readonly content: AsyncIterable<Uint8Array>
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
  standing(action: string, on: string): Standing
  may(action: string, on: string): boolean
  /** Throws RequestError unless one of the actions is allowed. `all`: what the request needs together. */
  require(need: Need, all?: readonly Need[]): void
}

export interface Endpoint {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'
  /** An Express 5 path. A GET answers HEAD too, unless the surface has its own HEAD row. */
  readonly path: string
  readonly access: Access
  readonly handle: (request: ApiRequest) => Promise<Reply>
}
