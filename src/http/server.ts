/**
 * A Node HTTP server set up for a registry: uploads may take hours, Go clients reuse connections for a minute, and a
 * server that is told to stop finishes what it has begun.
 */
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { markAwaitingContinue } from './exchange.ts'
import { createSlowClients, SLOW_CLIENT_WINDOW_MS } from './slow-clients.ts'
import { readTlsFiles, type TlsFiles, watchTlsFiles } from './tls-files.ts'

// Not imported: that reads every export of `node:http`, and one of them loads a whole HTTP client, 70 ms and 13 MiB.
const { createServer } = process.getBuiltinModule('node:http')

export interface HttpServerOptions {
  /** Milliseconds without a byte in either direction after which a connection is cut. Default 5 minutes. */
  readonly idleTimeout?: number
  /** Absent: plain HTTP. */
  readonly tls?: TlsFiles | undefined
  /** Told when changed certificate files cannot be used. */
  readonly onTlsProblem?: (error: unknown) => void
  /**
   * Milliseconds in which a client must move some bytes while it is waited for, and send the whole head of a request.
   * Default 30 seconds.
   */
  readonly slowClientWindow?: number
}

export interface HttpServer {
  readonly server: Server
  /** Aborts when draining begins, so that long polls can answer at once. */
  readonly draining: AbortSignal
  /**
   * Stops accepting, lets running requests finish, closes idle connections, and cuts what is left after `deadline`
   * milliseconds. Resolves with whether everything finished by itself. Repeating it waits for the same end.
   */
  drain(deadline: number): Promise<{ complete: boolean }>
}

const MINUTE = 60_000
/** The last answer begun on a connection. A property, because a WeakMap entry a request shows in the hottest path. */
const CURRENT = Symbol('current response')
type ServedSocket = Socket & { [CURRENT]?: ServerResponse }

export function createHttpServer(listener: RequestListener, options: HttpServerOptions = {}): HttpServer {
  const draining = new AbortController()
  const { tls, slowClientWindow = SLOW_CLIENT_WINDOW_MS } = options
  const settings: ServerOptions = {
    // Counts the request line too: a manifest put with a hundred tags, or a fat access token, passes Node's 16 KiB.
    maxHeaderSize: 64 * 1024,
    // 0: a 100 GiB upload over a slow line is legitimate; a silent one is cut by the idle timeout.
    requestTimeout: 0,
    // Longer than a Go client keeps an idle connection (90 s): it does not repeat a POST that meets a closing one.
    keepAliveTimeout: 95_000,
    headersTimeout: slowClientWindow,
    connectionsCheckingInterval: slowClientWindow / 4,
  }
  const server = tls ? createTlsServer(settings, tls) : createServer(settings)
  const slowClients = createSlowClients({ window: slowClientWindow })
  const certificates = tls && watch(server as TlsServer, tls, options)
  server.timeout = options.idleTimeout ?? 5 * MINUTE
  const receive = (request: IncomingMessage, response: ServerResponse) => {
    ;(request.socket as ServedSocket)[CURRENT] = response
    if (draining.signal.aborted) response.shouldKeepAlive = false
    slowClients.watch(request, response)
    listener(request, response)
  }
  // Requests that wait for their turn on a connection listen to it, and a client may send any number of them.
  server.on('connection', (socket: Socket) => void socket.setMaxListeners(0))
  server.on('request', receive)
  // Without this Node sends 100 Continue before anybody looked at the credentials.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    markAwaitingContinue(request)
    receive(request, response)
  })
  server.on('timeout', (socket: ServedSocket) => {
    const response = socket[CURRENT]
    // The silence is ours while a received request has no answer yet: hashing a huge upload, or a long poll.
    const isOurs = response?.req.complete && !response.headersSent && !response.destroyed
    if (isOurs) socket.setTimeout(server.timeout)
    else socket.destroy()
  })
  let drained: Promise<{ complete: boolean }> | undefined
  return {
    server,
    draining: draining.signal,
    drain(deadline) {
      certificates?.stop()
      slowClients.stop()
      drained ??= drain(server, draining, deadline)
      return drained
    },
  }
}

function createTlsServer(settings: ServerOptions, tls: TlsFiles): TlsServer {
  const https = process.getBuiltinModule('node:https')
  return https.createServer({ ...settings, ...readTlsFiles(tls) })
}

function watch(server: TlsServer, tls: TlsFiles, { onTlsProblem = () => undefined }: HttpServerOptions) {
  return watchTlsFiles(tls, { changed: (files) => server.setSecureContext(files), problem: onTlsProblem })
}

async function drain(server: Server, draining: AbortController, deadline: number): Promise<{ complete: boolean }> {
  draining.abort()
  let complete = true
  const cut = setTimeout(() => {
    complete = false
    server.closeAllConnections()
  }, deadline)
  // A connection becomes idle when its last answer is out; Node closes only those that are idle at close().
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  clearTimeout(cut)
  clearInterval(sweep)
  return { complete }
}
