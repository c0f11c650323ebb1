/**
 * The only place that writes an answer to a socket. It knows the traps of Node's HTTP server: lengths on HEAD, streams
 * that end early, and clients that are still sending when they are answered.
 */
import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Exchange } from './exchange.ts'
import { handedOver } from './file-handover.ts'
import { atEndOfTurn } from './outbox.ts'
import type { Reply } from './reply.ts'
import { expectsBody } from './request-body.ts'

/** A body of at most this announced length is read to its end, so that the connection can be used again. */
const FORGIVEN_BODY_BYTES = 1024 * 1024
/** Bodies up to here are copied to save a system call's bookkeeping. */
const ONE_WRITE_BYTES = 16 * 1024
/** What is read from a client that goes on sending after its answer, before the line is cut. */
const LINGER = { bytes: 1024 * 1024, milliseconds: 1000 }

/** Rejects when the body's stream fails or ends before its Content-Length; the connection is then gone. */
export async function sendReply(exchange: Exchange, reply: Reply): Promise<void> {
  if (exchange.isAbandoned || exchange.response.headersSent) {
    if (reply.body instanceof Readable) reply.body.destroy()
    return
  }
  const elsewhere = handedOver(exchange, reply)
  if (elsewhere) sendBytes(exchange, elsewhere, undefined)
  else if (reply.body instanceof Readable) await sendStream(exchange, reply, reply.body)
  else if (!expectsBody(exchange.body) || exchange.body.complete) sendBytes(exchange, reply, reply.body)
  else await sendWhileReceiving(exchange, reply, reply.body)
}

function sendBytes(exchange: Exchange, reply: Reply, body: Uint8Array | string | undefined): void {
  const { response } = exchange
  response.writeHead(reply.status, headersOf(exchange, reply, body))
  if (body === undefined || exchange.method === 'HEAD') {
    atEndOfTurn(() => void response.end())
    return
  }
  exchange.sent = Buffer.byteLength(body)
  atEndOfTurn(() => {
    // Head and a Latin-1 text leave in one write where a Buffer would make it two and a vector.
    if (typeof body === 'object' && body.length <= ONE_WRITE_BYTES) response.end(latin1(body), 'latin1')
    else response.end(body)
  })
}

/** The same bytes, one character each. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

async function sendStream(exchange: Exchange, reply: Reply, body: Readable): Promise<void> {
  const { response } = exchange
  response.writeHead(reply.status, headersOf(exchange, reply, undefined))
  if (exchange.method === 'HEAD') {
    body.destroy()
    response.end()
    return
  }
  const announced = reply.headers?.['Content-Length']
  await pump(exchange, body)
  if (announced !== undefined && Number(announced) !== exchange.sent) {
    // Ending here would leave the client waiting for the rest, or taking the next answer for it.
    response.destroy()
    throw new Error(`the stream had ${exchange.sent} bytes where ${announced} were announced`)
  }
  response.end()
}

/** A stream that wants the memory of its chunks back as soon as they are on their way. */
interface Recycling {
  recycle(chunk: Uint8Array): void
}

function isRecycling(body: object): body is Recycling {
  return 'recycle' in body
}

/** Writes the body as fast as the client takes it. When the client leaves, the body is destroyed and this rejects. */
async function pump(exchange: Exchange, body: Readable): Promise<void> {
  const { response } = exchange
  const { socket } = exchange.body
  const recycle = isRecycling(body) ? body.recycle.bind(body) : undefined
  const leave = () => void body.destroy()
  socket.once('close', leave)
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      exchange.sent += chunk.length
      if (!response.write(chunk, () => recycle?.(chunk))) await drained(response, body)
    }
  } finally {
    socket.off('close', leave)
  }
}

/** Until the response takes more, or there is no more to give. */
async function drained(response: ServerResponse, body: Readable): Promise<void> {
  if (body.closed) return
  await new Promise<void>((resolve) => {
    const proceed = () => {
      response.off('drain', proceed)
      body.off('close', proceed)
      resolve()
    }
    response.once('drain', proceed)
    body.once('close', proceed)
  })
}

/**
 * The client has not sent all of its body yet. Cutting the line at once would reset it, and Go clients would report
 * "broken pipe" instead of the answer: so the answer goes out whole, and what still comes is read for a moment.
 */
async function sendWhileReceiving(
  exchange: Exchange,
  reply: Reply,
  body: Uint8Array | string | undefined,
): Promise<void> {
  const { response, body: request } = exchange
  request.unpipe()
  const announced = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY)
  if (announced <= FORGIVEN_BODY_BYTES && !exchange.isAwaitingContinue) {
    request.resume()
    sendBytes(exchange, reply, body)
    return
  }
  response.writeHead(reply.status, { ...headersOf(exchange, reply, body), Connection: 'close' })
  if (body !== undefined && exchange.method !== 'HEAD' && body.length > 0) {
    exchange.sent = Buffer.byteLength(body)
    response.write(body)
  } else response.flushHeaders()
  if (!exchange.isAwaitingContinue) await linger(request)
  response.end()
}

async function linger(request: IncomingMessage): Promise<void> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), LINGER.milliseconds)
  let received = 0
  const count = (chunk: Uint8Array) => {
    received += chunk.length
    if (received > LINGER.bytes) stop.abort()
  }
  request.on('data', count)
  request.resume()
  try {
    await Promise.race([once(request, 'end', { signal: stop.signal }), once(request, 'close', { signal: stop.signal })])
  } catch {
    // The limit was reached or the client left: either way there is nothing more to wait for.
  } finally {
    clearTimeout(timer)
    stop.abort()
    request.off('data', count)
  }
}

function headersOf(exchange: Exchange, reply: Reply, body: Uint8Array | string | undefined): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...exchange.surface.headers, 'X-Request-Id': exchange.id }
  for (const name in reply.headers) {
    const value = reply.headers[name]
    if (value !== undefined) headers[name] = typeof value === 'object' ? [...value] : value
  }
  // RFC 9110 8.6: no Content-Length in 1xx and 204; in 304 it would describe the body that is not sent.
  if (headers['Content-Length'] === undefined && !(reply.body instanceof Readable)) {
    if (reply.status !== 204 && reply.status !== 304) {
      headers['Content-Length'] = body === undefined ? 0 : Buffer.byteLength(body)
    }
  }
  return headers
}
