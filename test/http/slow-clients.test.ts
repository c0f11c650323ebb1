import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../../src/http/index.ts'
import { rawExchange, serve, WRITE } from './http-fixture.ts'

const WINDOW_MS = 400
const HEAD = 'PUT /p HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\n'

/** Counts the bytes of the body; `gate` keeps the answer back. */
function sink(gate: Promise<void> = Promise.resolve()): Endpoint {
  return {
    method: 'put',
    path: '/p',
    access: WRITE,
    handle: async ({ content }) => {
      let size = 0
      for await (const chunk of content) size += chunk.length
      await gate
      return { status: 201, body: `${size} bytes` }
    },
  }
}

/** Sends `bytes` every 20 ms; resolves with how long the server let it go on, and what it answered. */
async function drip(socket: Socket, bytes: string, times: number): Promise<{ after: number; received: string }> {
  const startedAt = performance.now()
  let received = ''
  let isClosed = false
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => {})
  socket.once('close', () => {
    isClosed = true
  })
  for (let sent = 0; sent < times && !isClosed; sent += 1) {
    socket.write(bytes)
    await sleep(20)
  }
  return { after: performance.now() - startedAt, received }
}

describe('a slow client', () => {
  test('that drips a body byte by byte is cut after the window', async () => {
    await using fixture = await serve([sink()], { server: { slowClientWindow: WINDOW_MS } })
    const socket = connect(fixture.port, '127.0.0.1')
    socket.write(`${HEAD}Content-Length: 1000000\r\n\r\n`)
    const { after, received } = await drip(socket, 'x', 250)
    expect(received).toBe('')
    expect(after).toBeGreaterThanOrEqual(WINDOW_MS)
    expect(after).toBeLessThan(5_000)
  })

  test('that drips a head is cut after the window, also on a connection that has served a request', async () => {
    await using fixture = await serve([sink()], { server: { slowClientWindow: WINDOW_MS } })
    for (const before of ['', `${HEAD}Content-Length: 1\r\n\r\nx`]) {
      const socket = connect(fixture.port, '127.0.0.1')
      socket.write(before)
      await sleep(100)
      socket.write('GET /p HTTP/1.1\r\nX-Slow: ')
      const { after, received } = await drip(socket, 'x', 250)
      expect(received.endsWith('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n') || received === '').toBe(
        true,
      )
      expect(after).toBeGreaterThanOrEqual(WINDOW_MS - 150)
      expect(after).toBeLessThan(5_000)
    }
  })

  test('that sends a body slowly but steadily is served to the end', async () => {
    await using fixture = await serve([sink()], { server: { slowClientWindow: WINDOW_MS } })
    const socket = connect(fixture.port, '127.0.0.1')
    socket.write(`${HEAD}Content-Length: 60000\r\n\r\n`)
    const { received } = await drip(socket, 'x'.repeat(600), 100)
    let answer = received
    socket.on('data', (chunk) => {
      answer += chunk
    })
    for (let i = 0; i < 100 && !answer.endsWith('bytes'); i += 1) await sleep(50)
    socket.destroy()
    expect(answer).toMatch(/60000 bytes$/)
  })

  test('is not one who waits for us', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using fixture = await serve([sink(promise)], { server: { slowClientWindow: 100 } })
    const waiting = rawExchange(fixture.port, `${HEAD}Content-Length: 3\r\n\r\nabc`, /bytes/)
    await sleep(500)
    resolve()
    expect(await waiting).toMatch(/3 bytes$/)
  })

  test('is not one whose connection is kept without a request', async () => {
    await using fixture = await serve([sink()], { server: { slowClientWindow: 100 } })
    const socket = connect(fixture.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    for (let round = 1; round <= 2; round += 1) {
      socket.write(`${HEAD}Content-Length: 3\r\n\r\nabc`)
      await sleep(500)
      expect(text.match(/3 bytes/g)).toHaveLength(round)
    }
    socket.destroy()
  })

  test('that does not read its answer is cut', async () => {
    const large: Endpoint = {
      method: 'get',
      path: '/large',
      access: 'open',
      handle: async () => ({ status: 200, body: Buffer.alloc(32 * 1024 * 1024) }),
    }
    await using fixture = await serve([large], { server: { slowClientWindow: WINDOW_MS } })
    const socket = connect(fixture.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
    socket.pause()
    for (let i = 0; i < 100 && fixture.facts.length === 0; i += 1) await sleep(50)
    expect(fixture.facts).toMatchObject([{ aborted: true }])
    socket.destroy()
  })

  test('that reads a large answer slowly but steadily gets all of it', async () => {
    const size = 32 * 1024 * 1024
    const large: Endpoint = {
      method: 'get',
      path: '/large',
      access: 'open',
      handle: async () => ({ status: 200, body: Buffer.alloc(size) }),
    }
    await using fixture = await serve([large], { server: { slowClientWindow: WINDOW_MS } })
    const socket = connect(fixture.port, '127.0.0.1')
    socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
    let received = 0
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received += chunk.length
      if (received > size) break
      await sleep(2)
    }
    expect(received).toBeGreaterThan(size)
  })
})
