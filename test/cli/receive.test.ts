/** Hashing what a server sends, when the server breaks off, forgets where it was, or never ends. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiClient } from '../../src/cli/api-client.ts'
import { hashRemote, receiveBytes } from '../../src/cli/verify/receive.ts'

const CONTENT = Buffer.from(`${'x'.repeat(200_000)}end`)
const DIGEST = `sha256:${createHash('sha256').update(CONTENT).digest('hex')}`

let server: Server
let play: (request: IncomingMessage, response: ServerResponse) => void
let ranges: (string | undefined)[]
let api: ApiClient
beforeEach(async () => {
  ranges = []
  server = createServer((request, response) => {
    ranges.push(request.headers.range)
    play(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  api = new ApiClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: undefined,
    retry: { delays: [1, 1, 1], sleep: async () => {}, onOutage: () => {} },
    userAgent: 'test',
  })
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** What was hashed, and the sum of what was reported as progress. */
async function hashed(size = CONTENT.length) {
  let bytes = 0
  const onBytes = (more: number) => {
    bytes += more
  }
  const digester = await hashRemote(api, { id: 'f', digest: DIGEST }, { digests: [DIGEST], size, onBytes })
  return { digests: digester.digests(), size: digester.size, bytes }
}

function breakAfter(response: ServerResponse, from: number, count: number): void {
  response.write(CONTENT.subarray(from, from + count), () => setTimeout(() => response.destroy(), 30))
}

test('more bytes than expected are not read to their end', async () => {
  let isGone = false
  play = (_request, response) => {
    response.once('close', () => {
      isGone = true
    })
    const more = () => {
      while (response.write(CONTENT)) if (isGone) return
    }
    response.on('drain', more)
    more()
  }
  const found = await hashed(1_000_000)
  expect(found.size).toBeGreaterThan(1_000_000)
  expect(found.size).toBeLessThan(100_000_000)
})

test('an answer over its limit is refused, one within it is whole', async () => {
  play = (_request, response) => void response.end(CONTENT)
  await expect(receiveBytes(api, '/x', { limit: CONTENT.length - 1 })).rejects.toMatchObject({ failure: { exit: 7 } })
  expect(Buffer.compare(await receiveBytes(api, '/x', { limit: CONTENT.length }), CONTENT)).toBe(0)
})

test('a broken connection is gone on with from where it broke', async () => {
  play = (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': CONTENT.length - from })
    if (from < 100_000) breakAfter(response, from, 50_000)
    else response.end(CONTENT.subarray(from))
  }
  expect(await hashed()).toEqual({ digests: [DIGEST], size: CONTENT.length, bytes: CONTENT.length })
  expect(ranges).toEqual([undefined, 'bytes=50000-', 'bytes=100000-'])
})

test('a server that starts over is hashed from the beginning, and progress goes back', async () => {
  play = (_request, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length })
    if (ranges.length === 1) breakAfter(response, 0, 50_000)
    else response.end(CONTENT)
  }
  expect(await hashed()).toEqual({ digests: [DIGEST], size: CONTENT.length, bytes: CONTENT.length })
})

test('a connection that breaks after the last byte asks for nothing more', async () => {
  play = (_request, response) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked' })
    breakAfter(response, 0, CONTENT.length)
  }
  expect(await hashed()).toEqual({ digests: [DIGEST], size: CONTENT.length, bytes: CONTENT.length })
  expect(ranges).toEqual([undefined])
})
