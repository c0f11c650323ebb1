import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import type { Endpoint, Reply } from '../../src/http/index.ts'
import { type Fixture, serve } from './http-fixture.ts'

const BYTES = Buffer.from('stored bytes')
const FILE = { root: '/srv/storage', path: 'blake3/ab/cd/abcd' }
const TRUSTED = { trustedProxies: ['127.0.0.1'] }

let fixture: Fixture | undefined
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]()
  fixture = undefined
})

const streams: Readable[] = []

function stored(): Readable {
  const stream = Object.assign(Readable.from([BYTES], { objectMode: false }), { storedFile: FILE })
  streams.push(stream)
  return stream
}

function row(path: string, reply: () => Reply): Endpoint {
  return { method: 'get', path, access: 'open', handle: async () => reply() }
}

const LENGTH = { 'Content-Length': BYTES.length, ETag: '"x"', 'Content-Type': 'application/octet-stream' }
const ROWS = [
  row('/whole', () => ({ status: 200, headers: LENGTH, body: stored() })),
  row('/part', () => ({
    status: 206,
    headers: { ...LENGTH, 'Content-Range': `bytes 0-11/40` },
    body: stored(),
  })),
  row('/elsewhere', () => ({ status: 200, headers: LENGTH, body: Readable.from([BYTES], { objectMode: false }) })),
  row('/bytes', () => ({ status: 200, body: BYTES })),
]

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(`${fixture!.url}${path}`, { headers, method })
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) }
}

describe('a stored file, asked for by a trusted proxy', () => {
  test('is handed over by its path below the root to nginx, with what was said of it and without its bytes', async () => {
    fixture = await serve(ROWS, { handover: 'x-accel-redirect', origins: TRUSTED })
    const { status, headers, body } = await ask('/whole')
    expect([status, body.length]).toEqual([200, 0])
    expect(headers.get('x-accel-redirect')).toBe('/artifactstore-files/blake3/ab/cd/abcd')
    expect([headers.get('etag'), headers.get('content-type')]).toEqual(['"x"', 'application/octet-stream'])
    expect(headers.get('content-length')).toBe('0')
    expect(streams.at(-1)!.destroyed).toBe(true)
  })

  test('is handed over by its whole path to others', async () => {
    fixture = await serve(ROWS, { handover: 'x-sendfile', origins: TRUSTED })
    const { headers, body } = await ask('/whole')
    expect([headers.get('x-sendfile'), body.length]).toEqual(['/srv/storage/blake3/ab/cd/abcd', 0])
  })

  test('a part of it is the proxy’s to cut: it reads the same Range', async () => {
    fixture = await serve(ROWS, { handover: 'x-accel-redirect', origins: TRUSTED })
    const { status, headers } = await ask('/part', { Range: 'bytes=0-11' })
    expect([status, headers.get('content-range'), headers.has('x-accel-redirect')]).toEqual([200, null, true])
  })

  test.each([
    ['with If-Range, which the proxy would read otherwise', '/part', { Range: 'bytes=0-11', 'If-Range': '"x"' }, 206],
    ['with a Range that the handler did not follow', '/whole', { Range: 'bytes=0-1,3-4' }, 200],
    ['that lies on no disk', '/elsewhere', {}, 200],
    ['that is in memory', '/bytes', {}, 200],
  ])('%s, is sent from here', async (_what, path, headers, status) => {
    fixture = await serve(ROWS, { handover: 'x-accel-redirect', origins: TRUSTED })
    const answer = await ask(path, headers)
    expect([answer.status, answer.body.equals(BYTES), answer.headers.has('x-accel-redirect')]).toEqual([
      status,
      true,
      false,
    ])
  })

  test('HEAD is answered from here', async () => {
    fixture = await serve(ROWS, { handover: 'x-accel-redirect', origins: TRUSTED })
    const { status, headers } = await ask('/whole', {}, 'HEAD')
    expect([status, headers.get('content-length'), headers.has('x-accel-redirect')]).toEqual([200, '12', false])
  })
})

test('whoever is not trusted is never told where a file lies', async () => {
  fixture = await serve(ROWS, { handover: 'x-sendfile', origins: { trustedProxies: ['127.0.0.2'] } })
  const { headers, body } = await ask('/whole', { 'X-Forwarded-For': '127.0.0.2' })
  expect([body.equals(BYTES), headers.has('x-sendfile')]).toEqual([true, false])
})

test('nothing is handed over where nobody asked for it', async () => {
  fixture = await serve(ROWS, { origins: TRUSTED })
  expect((await ask('/whole')).body.equals(BYTES)).toBe(true)
})
