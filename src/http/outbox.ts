/**
 * Small answers leave together at the end of a turn of the event loop. Written one by one, between the work for one
 * request and the next, each finds its receiver asleep and pays for waking it: 26 µs a write where back to back it is
 * 17 µs, which is a fifth of the requests that a server can answer. A turn is over in well under a millisecond.
 */

let waiting: (() => void)[] = []

/** Runs `send` after everything that this turn of the loop still has to do. `send` does not throw. */
export function atEndOfTurn(send: () => void): void {
  if (waiting.length === 0) setImmediate(sendAll)
  waiting.push(send)
}

function sendAll(): void {
  const sending = waiting
  waiting = []
  for (const send of sending) send()
}
