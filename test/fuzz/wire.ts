/**
 * HTTP/1.1 on a bare socket: what a polite client library would refuse to send can be sent, and what comes back is read
 * by the letter. One connection is used again for as long as the server keeps it.
 */
import { connect, type Socket } from 'node:net'

export interface WireAnswer {
  readonly status: number
  /** Names in lower case; of a repeated header all values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: Buffer
}

/** `closed`: the line ended before the answer was whole. `late`: nothing came for too long. */
export type Outcome = WireAnswer | 'closed' | 'late'

export interface WireRequest {
  readonly method: string
  /** Everything from the request line to the last byte of the body. */
  readonly bytes: Buffer
}

const PATIENCE_MS = 20_000
const STEP_MS = 500
const HEAD_END = Buffer.from('\r\n\r\n')

export class WireConnection {
  readonly #port: number
  #socket: Socket | undefined
  #received: Buffer = Buffer.alloc(0)
  #isClosed = true
  #wake: () => void = () => {}

  constructor(port: number) {
    this.#port = port
  }

  /** Sends all of them at once and reads their answers in order; after a close the rest are `closed`. */
  async exchange(requests: readonly WireRequest[]): Promise<Outcome[]> {
    this.#open()
    this.#socket!.write(Buffer.concat(requests.map(({ bytes }) => bytes)))
    const outcomes: Outcome[] = []
    for (const { method } of requests) {
      const outcome = await this.#answer(method)
      outcomes.push(outcome)
      if (typeof outcome === 'string' || outcome.headers.get('connection')?.[0] === 'close') this.close()
    }
    return outcomes
  }

  /** Sends the beginning of a request and leaves. */
  async abandon(bytes: Buffer): Promise<void> {
    this.close()
    this.#open()
    await new Promise<void>((resolve) => this.#socket!.write(bytes, () => resolve()))
    this.close()
  }

  /** Everything that comes back until the server closes, or is quiet for a while. */
  async raw(bytes: Buffer, quietMs = 30): Promise<Buffer> {
    this.close()
    this.#open()
    this.#socket!.write(bytes)
    for (;;) {
      const before = this.#received.length
      if (this.#isClosed) break
      await this.#more(this.#received.length > 0 ? quietMs : 400)
      if (this.#received.length === before && !this.#isClosed) break
    }
    const received = this.#received
    this.close()
    return received
  }

  /** Bytes that nobody asked for. */
  get leftover(): Buffer {
    return this.#received
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#isClosed = true
    this.#received = Buffer.alloc(0)
  }

  #open(): void {
    if (this.#socket && !this.#isClosed) return
    this.close()
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    this.#socket = socket
    this.#isClosed = false
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#isClosed = true
      this.#wake()
    })
  }

  async #answer(method: string): Promise<Outcome> {
    for (;;) {
      const parsed = parseAnswer(this.#received, method, this.#isClosed)
      if (parsed) {
        this.#received = this.#received.subarray(parsed.length)
        if (parsed.answer.status >= 200) return parsed.answer
        continue
      }
      if (this.#isClosed) return 'closed'
      if (!(await this.#more(PATIENCE_MS))) return 'late'
    }
  }

  /** In short steps: a machine that stood still for as long has answered nothing late. */
  #more(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      let left = milliseconds
      const step = Math.min(milliseconds, STEP_MS)
      const timer = setInterval(() => {
        left -= step
        if (left > 0) return
        clearInterval(timer)
        resolve(false)
      }, step)
      this.#wake = () => {
        clearInterval(timer)
        this.#wake = () => {}
        resolve(true)
      }
    })
  }
}

/** The first answer in `received` and how many bytes it takes; undefined while it is not whole. */
export function parseAnswer(
  received: Buffer,
  method: string,
  isClosed: boolean,
): { answer: WireAnswer; length: number } | undefined {
  const headEnd = received.indexOf(HEAD_END)
  if (headEnd < 0) return undefined
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN)
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  const start = headEnd + HEAD_END.length
  const body = bodyOf(received, start, { method, status, headers, isClosed })
  return body && { answer: { status, headers, body: body.bytes }, length: body.end }
}

function bodyOf(
  received: Buffer,
  start: number,
  of: { method: string; status: number; headers: ReadonlyMap<string, readonly string[]>; isClosed: boolean },
): { bytes: Buffer; end: number } | undefined {
  const none = { bytes: Buffer.alloc(0), end: start }
  if (of.method === 'HEAD' || of.status < 200 || of.status === 204 || of.status === 304) return none
  if (of.headers.get('transfer-encoding')?.[0] === 'chunked') return chunkedBody(received, start)
  const announced = of.headers.get('content-length')?.[0]
  if (announced === undefined) {
    return of.isClosed ? { bytes: Buffer.from(received.subarray(start)), end: received.length } : undefined
  }
  const end = start + Number(announced)
  return received.length < end ? undefined : { bytes: Buffer.from(received.subarray(start, end)), end }
}

function chunkedBody(received: Buffer, start: number): { bytes: Buffer; end: number } | undefined {
  const parts: Buffer[] = []
  for (let at = start; ; ) {
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(received.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (received.length < end) return undefined
    if (size === 0) return { bytes: Buffer.concat(parts), end }
    parts.push(received.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = end
  }
}
