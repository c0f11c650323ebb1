/** What a handler answers with: a value. Only `endpoint.ts` writes it to the socket. */
import type { Readable } from 'node:stream'

export interface Reply {
  readonly status: number
  /** A header whose value is undefined is left out. */
  readonly headers?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  /** Bytes with their length known, or a stream whose length a Content-Length header gives. */
  readonly body?: Uint8Array | string | Readable
}
