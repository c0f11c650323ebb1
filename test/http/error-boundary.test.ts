import { on, once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Endpoint, Reply } from '../../src/http/index.ts'
import { AUTHORIZED, READ, rawExchange, serve, WRITE } from './http-fixture.ts'

function row(method: Endpoint['method'], path: string, handle: Endpoint['handle'], access: Endpoint['access'] = READ) {
  return { method, path, access, handle } satisfies Endpoint
}
const ok = async (): Promise<Reply> => ({ status: 200, body: 'ok' })

async function* fails(): AsyncGenerator<Buffer> {
  yield Buffer.from('some')
  throw new Error('disk gone')
}

describe('errors at the boundary', () => {
  test('an unforeseen error is a 500 that names the request and nothing of the reason', async () => {
    const boom = row('get', '/boom', async () => Promise.reject(new Error('secret path /var/lib')))
    await using fixture = await serve([boom])
    const answer = await fetch(`${fixture.url}/boom`, { headers: AUTHORIZED })
    expect(answer.status).toBe(500)
    const body = await answer.text()
    expect(body).not.toContain('secret')
    expect(JSON.parse(body)).toMatchObject({ code: 'internal', requestId: answer.headers.get('x-request-id') })
    const logged = fixture.lines.filter((line) => line.level === 'error')
    expect(logged).toHaveLength(1)
    expect(logged[0]?.fields).toMatchObject({
      requestId: answer.headers.get('x-request-id'),
      err: expect.objectContaining({ message: 'secret path /var/lib' }),
    })
  })

  test('an unknown path is 404 and a known one with another method 405 with Allow, in the error body of the surface', async () => {
    await using fixture = await serve([row('get', '/a/:x', ok), row('put', '/a/:x', ok)])
    const unknown = await fetch(`${fixture.url}/nowhere`)
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: 'route-unknown' }])
    const wrong = await fetch(`${fixture.url}/a/1`, { method: 'DELETE' })
    expect([wrong.status, await wrong.json()]).toMatchObject([405, { code: 'method-not-allowed' }])
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, PUT')
    expect(wrong.headers.get('x-surface')).toBe('test')
  })

  test('a path that does not decode, or hides a slash in a name, is refused before the handler', async () => {
    await using fixture = await serve([row('get', '/v2/*name/tags', ok)], { prefix: '/v2' })
    for (const path of ['/v2/a%zz/tags', '/v2/a%2Fb/tags']) {
      const answer = await fetch(fixture.url + path, { headers: AUTHORIZED })
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'path-malformed' }])
    }
  })

  test('a stream that fails after the head cuts the connection and is logged', async () => {
    const body = () => Readable.from(fails())
    await using fixture = await serve([
      row('get', '/f', async () => ({ status: 200, headers: { 'Content-Length': 100 }, body: body() })),
    ])
    const answer = await fetch(`${fixture.url}/f`, { headers: AUTHORIZED })
    await expect(answer.arrayBuffer()).rejects.toThrow()
    expect(fixture.lines.map((line) => line.message)).toEqual(['answer broke off'])
  })

  test('a stream shorter than its Content-Length cuts the connection instead of leaving the client waiting', async () => {
    await using fixture = await serve([
      row('get', '/s', async () => ({
        status: 200,
        headers: { 'Content-Length': 100 },
        body: Readable.from([Buffer.from('short')]),
      })),
    ])
    const answer = await fetch(`${fixture.url}/s`, { headers: AUTHORIZED })
    await expect(answer.arrayBuffer()).rejects.toThrow()
    expect(fixture.lines).toHaveLength(1)
  })

  test('a client that hangs up half-way through its body causes no error line', async () => {
    let failed: unknown
    const read = row('put', '/p', async ({ content }) => {
      try {
        for await (const _ of content);
      } catch (error) {
        failed = error
        throw error
      }
      return { status: 201 }
    })
    await using fixture = await serve([read])
    const socket = connect(fixture.port, '127.0.0.1')
    socket.write('PUT /p HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\nContent-Length: 9\r\n\r\nabc')
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    await expect.poll(() => fixture.facts.length).toBe(1)
    expect(failed).toBeDefined()
    expect(fixture.facts[0]).toMatchObject({ status: 499, aborted: true, actor: 'tester' })
    expect(fixture.lines.filter((line) => line.level !== 'debug')).toEqual([])
  })

  test('a download whose client leaves destroys its stream', async () => {
    const source = new Readable({ read() {}, highWaterMark: 1 })
    await using fixture = await serve([row('get', '/d', async () => ({ status: 200, body: source }))])
    const socket = connect(fixture.port, '127.0.0.1')
    socket.write('GET /d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\n\r\n')
    source.push('x')
    await once(socket, 'data')
    socket.destroy()
    await expect.poll(() => source.destroyed).toBe(true)
  })
})

describe('a client that is answered while it still sends', () => {
  test('sees the whole answer of an early refusal of a huge body', async () => {
    await using fixture = await serve([row('put', '/p', ok, WRITE)])
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(`${fixture.url}/p`, { method: 'PUT', headers: { 'Content-Length': 50_000_000 } })
      request.on('response', (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      request.on('error', reject)
      const chunk = Buffer.alloc(65536)
      const push = (): void => {
        while (!request.destroyed && request.write(chunk));
        request.once('drain', push)
      }
      push()
    })
    expect(status).toBe(401)
  })

  test('may use the connection again when the refused body was small', async () => {
    await using fixture = await serve([row('put', '/p', ok, WRITE), row('get', '/g', ok)])
    const first = 'PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
    const second = 'GET /g HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\nConnection: close\r\n\r\n'
    const received = await rawExchange(fixture.port, first + second)
    expect(received.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 200'])
  })

  test('a handler that stops reading half-way can still answer', async () => {
    const stop = row('put', '/p', async ({ content }) => {
      for await (const _ of content) return { status: 413, body: 'enough' }
      return { status: 200 }
    })
    await using fixture = await serve([stop])
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const head = 'PUT /p HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\nTransfer-Encoding: chunked\r\n\r\n'
    const received = await rawExchange(fixture.port, head + chunk)
    expect(received).toContain('HTTP/1.1 413')
    expect(received).toContain('Connection: close')
    expect(received.endsWith('enough')).toBe(true)
  })

  test('is refused before it is told to continue', async () => {
    await using fixture = await serve([row('put', '/p', ok, WRITE)])
    const head = 'PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n'
    const refused = await rawExchange(fixture.port, `${head}\r\n`)
    expect(refused).toMatch(/^HTTP\/1.1 401/)
    const welcomed = await rawExchange(fixture.port, `${head}Authorization: Bearer good-token\r\n\r\n`, /200 OK|401/)
    expect(welcomed).toMatch(/^HTTP\/1.1 100 Continue/)
  })
})

describe('several requests on one connection', () => {
  test('are all answered, in their order, also when the next comes before the last answer is out', async () => {
    const large = Buffer.alloc(8_000_000, 'x')
    const streamOf = async () => ({
      status: 200,
      headers: { 'Content-Length': large.length },
      body: Readable.from([large]),
    })
    await using fixture = await serve([row('get', '/large', streamOf), row('get', '/small', ok)], {
      anonymousRead: true,
    })
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
    const received = await rawExchange(
      fixture.port,
      get('/large') + get('/small') + get('/large') + get('/small', 'Connection: close\r\n'),
    )
    expect(received.match(/Content-Length: \d+/g)).toEqual(
      [8_000_000, 2, 8_000_000, 2].map((length) => `Content-Length: ${length}`),
    )
    expect(received.length).toBeGreaterThan(16_000_000)
  })

  test('one that waits to be told to go on is told after the answers before it, and never within its own', async () => {
    const bytes = Buffer.alloc(30_000, 'x')
    const streamOf = async (): Promise<Reply> => ({
      status: 200,
      headers: { 'Content-Length': bytes.length },
      body: Readable.from([bytes], { objectMode: false }),
    })
    const slowly = async (): Promise<Reply> => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return ok()
    }
    const count = async ({ content }: { content: AsyncIterable<Uint8Array> }): Promise<Reply> => {
      let size = 0
      for await (const chunk of content) size += chunk.length
      return { status: 200, body: String(size) }
    }
    const rows = [row('get', '/slow', slowly), row('get', '/stream', streamOf), row('put', '/count', count, READ)]
    await using fixture = await serve(rows, { anonymousRead: true })
    const expects = 'Expect: 100-continue\r\n'
    const slow = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
    const stream = `GET /stream HTTP/1.1\r\nHost: a\r\n${expects}Connection: close\r\n\r\n`
    const [, afterSlow] = (await rawExchange(fixture.port, slow + stream)).split('ok')
    expect(afterSlow).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nx{30000}$/)
    expect(afterSlow).not.toContain('100 Continue')

    const head = `PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n${expects}Connection: close\r\n\r\n`
    const socket = connect(fixture.port, '127.0.0.1', () => socket.write(slow + head))
    let received = ''
    for await (const chunk of socket.setEncoding('latin1')) {
      received += chunk
      if (received.endsWith('100 Continue\r\n\r\n')) socket.write('four')
    }
    const [, afterOk] = received.split('ok')
    expect(afterOk).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n4$/)
  })

  test('leave nothing behind on a connection that stays, however many had to wait for their turn', async () => {
    await using fixture = await serve([row('get', '/small', ok)], { anonymousRead: true })
    const connections: Socket[] = []
    fixture.http.server.on('connection', (connection: Socket) => connections.push(connection))
    const socket = connect(fixture.port, '127.0.0.1')
    const listeners: number[] = []
    for (let wave = 0; wave < 3; wave += 1) {
      socket.write('GET /small HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(30))
      let received = ''
      for await (const [chunk] of on(socket, 'data')) {
        received += (chunk as Buffer).toString('latin1')
        if (received.split('\r\n\r\nok').length > 30) break
      }
      listeners.push(connections[0]!.listenerCount('close'))
    }
    socket.destroy()
    expect(fixture.facts).toHaveLength(90)
    expect(listeners[2]).toBe(listeners[0])
    expect(listeners[0]).toBeLessThan(10)
  })

  test('are all over when their client leaves, also those whose turn never came', async () => {
    const never = new Readable({ read() {} })
    never.push('x')
    const stuck = row('get', '/stuck', async () => ({ status: 200, body: never }))
    await using fixture = await serve([stuck, row('get', '/small', ok)], { anonymousRead: true })
    const socket = connect(fixture.port, '127.0.0.1')
    socket.write('GET /stuck HTTP/1.1\r\nHost: a\r\n\r\nGET /small HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    await expect.poll(() => fixture.facts.map(({ route }) => route).toSorted()).toEqual(['/small', '/stuck'])
  })
})

describe('what every answer has', () => {
  test('HEAD of a GET row has the length and no body', async () => {
    await using fixture = await serve([row('get', '/h', async () => ({ status: 200, body: 'größe' }))])
    const head = 'HEAD /h HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\nConnection: close\r\n\r\n'
    const received = await rawExchange(fixture.port, head)
    expect(received).toContain('Content-Length: 7')
    expect(received.endsWith('\r\n\r\n')).toBe(true)
  })

  test('a HEAD row comes before the GET row of its path', async () => {
    await using fixture = await serve([row('get', '/h', ok), row('head', '/h', async () => ({ status: 204 }))])
    const answer = await fetch(`${fixture.url}/h`, { method: 'HEAD', headers: AUTHORIZED })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('content-length')).toBeNull()
  })

  test('a sane request id is kept and any other replaced', async () => {
    await using fixture = await serve([row('get', '/g', ok)])
    const ids = []
    for (const id of ['build-7.a', 'x'.repeat(65), 'a b']) {
      const answer = await fetch(`${fixture.url}/g`, { headers: { ...AUTHORIZED, 'x-request-id': id } })
      ids.push(answer.headers.get('x-request-id'))
    }
    expect(ids[0]).toBe('build-7.a')
    expect(ids[1]).toMatch(/^[0-9a-f]{16}-[0-9a-z]+$/)
    expect(ids[2]).toMatch(/^[0-9a-f]{16}-[0-9a-z]+$/)
    expect(ids[1]).not.toBe(ids[2])
  })

  test.each([false, true])(
    'a slashed name and its last segment reach the handler decoded (dispatcher: %s)',
    async (hot) => {
      const echo = row('get', '/v2/*name/manifests/:ref', async ({ params }) => ({
        status: 200,
        body: JSON.stringify(params),
      }))
      await using fixture = await serve([echo], { hot, prefix: '/v2' })
      const cases = {
        '/v2/a/b/manifests/latest?ns=x': { name: 'a/b', ref: 'latest' },
        '/v2/a/manifests/manifests/x': { name: 'a/manifests', ref: 'x' },
        '/v2/a/manifests/sha256%3Aab': { name: 'a', ref: 'sha256:ab' },
        '/v2/a/manifests/b/manifests/c': { name: 'a/manifests/b', ref: 'c' },
      }
      for (const [path, params] of Object.entries(cases)) {
        const answer = await fetch(fixture.url + path, { headers: AUTHORIZED })
        expect(await answer.json()).toEqual(params)
      }
      expect((await fetch(`${fixture.url}/v2/manifests/x`)).status).toBe(404)
      expect((await fetch(`${fixture.url}/v2/a/manifests/x`)).status).toBe(401)
    },
  )

  test('the facts of an exchange name the pattern, the actor and the bytes', async () => {
    await using fixture = await serve([row('get', '/v2/*name/tags', ok)])
    await fetch(`${fixture.url}/v2/secret/tags?token=abc`, { headers: AUTHORIZED })
    await expect.poll(() => fixture.facts.length).toBe(1)
    expect(fixture.facts[0]).toMatchObject({
      method: 'GET',
      route: '/v2/*name/tags',
      status: 200,
      bytes: 2,
      actor: 'tester',
      aborted: false,
    })
  })
})
