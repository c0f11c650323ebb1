/** A small surface on a real server, for the tests of the HTTP mechanics. */
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import express from 'express'
import type { Logger } from 'pino'
import {
  createDispatcher,
  createHttpServer,
  createOrigins,
  type Endpoint,
  type Guard,
  type HttpServerOptions,
  mount,
  type OriginOptions,
  RequestError,
  type RequestFacts,
  type Surface,
} from '../../src/http/index.ts'

export interface LogLine {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly message: string
}

export interface Fixture extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly lines: LogLine[]
  readonly facts: RequestFacts[]
  readonly http: ReturnType<typeof createHttpServer>
  readonly surface: Surface
}

const STATUS: Record<string, number> = {
  'credentials-missing': 401,
  'credentials-invalid': 401,
  'access-denied': 403,
  'scope-insufficient': 401,
  'attempts-exceeded': 429,
  'url-too-long': 414,
  'route-unknown': 404,
  'method-not-allowed': 405,
  'path-malformed': 400,
  'body-too-large': 413,
  'body-incomplete': 400,
  internal: 500,
}

/** Serves `endpoints` with the token `good-token`; `hot` puts the dispatcher before Express. */
export async function serve(
  endpoints: readonly Endpoint[],
  options: {
    hot?: boolean
    anonymousRead?: boolean
    prefix?: string
    server?: HttpServerOptions
    origins?: OriginOptions
    handover?: Surface['handover']
  } = {},
): Promise<Fixture> {
  const lines: LogLine[] = []
  const facts: RequestFacts[] = []
  const surface: Surface = {
    guard: guardOf(options),
    origins: createOrigins(options.origins),
    errorReply: (error, { requestId }) =>
      error instanceof RequestError
        ? {
            status: STATUS[error.code] ?? 500,
            headers: { 'Content-Type': 'application/json', ...(error.detail as { allow?: string }) },
            body: JSON.stringify({ code: error.code, message: error.message, requestId }),
          }
        : undefined,
    log: recordingLog(lines),
    headers: { 'X-Surface': 'test' },
    ...(options.handover && { handover: options.handover }),
    observers: [{ finished: (each) => facts.push(each) }],
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
  }
  const app = express()
  app.disable('x-powered-by')
  mount(app, endpoints, surface)
  const http = createHttpServer(options.hot ? createDispatcher(endpoints, surface, app) : app, options.server)
  await new Promise<void>((resolve) => http.server.listen(0, '127.0.0.1', resolve))
  const { port } = http.server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    facts,
    http,
    surface,
    async [Symbol.asyncDispose]() {
      await http.drain(0)
    },
  }
}

/** `good-token` may everything, `narrow-token` was asked for less, `reader-token` may read; guesses wait after `tired-token`. */
function guardOf({ anonymousRead = false }: { anonymousRead?: boolean }): Guard {
  const names: Record<string, string> = { 'good-token': 'tester', 'narrow-token': 'narrow', 'reader-token': 'reader' }
  return {
    identify(credential) {
      const secret =
        credential.kind === 'basic' ? credential.password : credential.kind === 'bearer' ? credential.secret : ''
      if (secret === 'tired-token') return { retryAfterSeconds: 7 }
      const name = names[secret]
      return name === undefined ? 'invalid' : { name, kind: 'static' }
    },
    decide({ name }, action) {
      if (name === 'tester') return 'allowed'
      if (name === 'narrow') return 'beyond-scope'
      return action === 'pull' && (name === 'reader' || anonymousRead) ? 'allowed' : 'denied'
    },
  }
}

export const READ: Endpoint['access'] = () => [{ anyOf: ['pull'], on: 'team/app' }]
export const WRITE: Endpoint['access'] = () => [{ anyOf: ['push'], on: 'team/app' }]

function recordingLog(lines: LogLine[]): Logger {
  const at = (level: string) => (fields: Record<string, unknown>, message: string) => {
    lines.push({ level, fields, message })
  }
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { ...log, isLevelEnabled: () => true } as unknown as Logger
}

export const AUTHORIZED = { authorization: 'Bearer good-token' }

/** Writes `text` on a raw connection and returns all that comes back until the server closes or `until` is seen. */
export function rawExchange(port: number, text: string, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let received = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      received += chunk
      if (until?.test(received)) socket.end()
    })
    socket.on('close', () => resolve(received))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(received) : reject(error),
    )
  })
}
