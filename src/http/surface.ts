/** What a surface (a door with its own route table) gives the boundary besides its endpoints. */
import type { Logger } from 'pino'
import type { Guard } from './authenticate.ts'
import type { FileHandover } from './file-handover.ts'
import type { Origins } from './origins.ts'
import type { Reply } from './reply.ts'

export interface ErrorContext {
  readonly requestId: string
  /** The path as the client sent it, without the query. */
  readonly path: string
  /** `scheme://host[:port]` under which the client reaches this server. */
  readonly origin: string
}

/** The surface's error table as a function. Undefined: not an error it knows, so the client gets 'internal'. */
export type ErrorReply = (error: unknown, context: ErrorContext) => Reply | undefined

/** What is known when an exchange is over, for logs and metrics. Holds no secret and no body. */
export interface RequestFacts {
  readonly id: string
  readonly method: string
  /** The pattern of the route table, never the path: paths would make one time series each. */
  readonly route: string
  /** 499 when the client left before an answer. */
  readonly status: number
  /** Of the answer's body. */
  readonly bytes: number
  readonly milliseconds: number
  readonly actor: string
  /** The client's address. */
  readonly client: string
  readonly aborted: boolean
}

export interface RequestObserver {
  started?(): void
  /** Once for each `started`, when the answer is out or the client is gone. */
  finished(facts: RequestFacts): void
}

export interface Surface {
  readonly guard: Guard
  readonly origins: Origins
  readonly errorReply: ErrorReply
  readonly log: Logger
  /** Sent with every answer of the surface. */
  readonly headers?: Readonly<Record<string, string>>
  readonly observers?: readonly RequestObserver[]
  /** How a proxy that is trusted is left to send stored files itself; `off` when absent. */
  readonly handover?: FileHandover
  /** Unknown paths under it are answered by this surface; absent: every path that no earlier surface answered. */
  readonly prefix?: string
}
