/**
 * An endpoint: one row of a surface's route table. The boundary runs, in this order: request id, authentication, the
 * access check (before any look-up, so that existence does not leak), the handler, and the error table of the surface.
 */
import type { IncomingMessage } from 'node:http'
import type { Reply } from './reply.ts'

/** Who is asking. `name` becomes the `actor` of events. */
export interface Identity {
  readonly name: string
  readonly kind: 'token' | 'anonymous' | 'local' | 'job'
}

/** What the route needs: `anonymous` routes name no repository, path or package. */
export type Access = 'anonymous' | 'read' | 'write'

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
  /** The body, not yet read: for parsers that want a stream. A `for await` over it that stops early cuts the line. */
  readonly body: IncomingMessage
  /** The body's bytes. A reader that stops early leaves the connection able to carry the answer. */
  readonly content: AsyncIterable<Uint8Array>
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
}

export interface Endpoint {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'
  /** An Express 5 path. A GET answers HEAD too, unless the surface has its own HEAD row. */
  readonly path: string
  readonly access: Access
  readonly handle: (request: ApiRequest) => Promise<Reply>
}
