/**
 * Cuts connections whose client keeps a request or an answer going with a drip of bytes. Idle connections and long uploads
 * are others' business: what counts is that, while this server waits for the client, bytes come or go at a least rate.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Modems were faster. Over a window, so that a stalled radio link of some seconds does not count. */
const LEAST_BYTES_PER_SECOND = 128
export const SLOW_CLIENT_WINDOW_MS = 30_000

interface Watched {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  since: number
  received: number
  sent: number
  queued: number
}

export interface SlowClients {
  watch(request: IncomingMessage, response: ServerResponse): void
  stop(): void
}

export function createSlowClients(
  options: { window?: number; leastBytesPerSecond?: number; now?: () => number } = {},
): SlowClients {
  const {
    window = SLOW_CLIENT_WINDOW_MS,
    leastBytesPerSecond = LEAST_BYTES_PER_SECOND,
    now = () => performance.now(),
  } = options
  const watched = new Map<Socket, Watched>()
  const least = (leastBytesPerSecond * window) / 1_000
  const timer = setInterval(() => {
    for (const [socket, each] of watched) {
      if (now() - each.since < window) continue
      const taken = Math.abs(queuedBytes(socket) - each.queued)
      const moved = socket.bytesRead - each.received + (socket.bytesWritten - each.sent) + taken
      if (isOurTurn(each) || moved >= least) restart(socket, each)
      else socket.destroy()
    }
  }, window / 4)
  timer.unref()
  const restart = (socket: Socket, each: Watched): void => {
    Object.assign(each, {
      since: now(),
      received: socket.bytesRead,
      sent: socket.bytesWritten,
      queued: queuedBytes(socket),
    })
  }
  return {
    watch(request, response) {
      const { socket } = request
      const { bytesRead: received, bytesWritten: sent } = socket
      const each: Watched = { request, response, since: now(), received, sent, queued: 0 }
      watched.set(socket, each)
      // `on`: it is told once, and the wrapper that `once` makes shows in the hottest path.
      response.on('close', () => {
        if (watched.get(socket) === each) watched.delete(socket)
      })
    },
    stop: () => clearInterval(timer),
  }
}

/**
 * What the kernel has not taken yet of what was written. `bytesWritten` has grown by all of a large answer at once and
 * tells nothing of how the client reads it; Node's own idle timer looks here too.
 */
function queuedBytes(socket: Socket): number {
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0
}

/** Nothing is due from the client: its body is here or waits for us to read it, and it has taken all that we have sent. */
function isOurTurn({ request, response }: Watched): boolean {
  const bodyDue = !request.complete && request.readableLength === 0
  const answerDue = response.headersSent && response.writableLength > 0
  return !bodyDue && !answerDue
}
