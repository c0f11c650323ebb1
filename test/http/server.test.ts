import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createMetrics, type Endpoint, healthReply, metricsEndpoint, requestLog } from '../../src/http/index.ts'
import { AUTHORIZED, READ, rawExchange, serve, WRITE } from './http-fixture.ts'

function slow(): { endpoint: Endpoint; release: () => void } {
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const handle = async () => {
    await gate
    return { status: 200, body: 'finished' }
  }
  return { endpoint: { method: 'get', path: '/slow', access: READ, handle }, release: () => release() }
}
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\n\r\n`

describe('draining', () => {
  test('cuts what is still running at the deadline and says so', async () => {
    const { endpoint } = slow()
    await using fixture = await serve([endpoint])
    const received = rawExchange(fixture.port, get('/slow'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await fixture.http.drain(50)).toEqual({ complete: false })
    expect(await received).toBe('')
  })

  test('finishes running requests, closes idle connections and takes no new ones', async () => {
    const { endpoint, release } = slow()
    const quick: Endpoint = { method: 'get', path: '/q', access: READ, handle: async () => ({ status: 200 }) }
    await using fixture = await serve([endpoint, quick])
    const running = rawExchange(fixture.port, get('/slow'))
    const idle = rawExchange(fixture.port, get('/q'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const drained = fixture.http.drain(5000)
    expect(fixture.http.draining.aborted).toBe(true)
    expect(await idle).toMatch(/^HTTP\/1.1 200/)
    await expect(fetch(`${fixture.url}/q`, { headers: AUTHORIZED })).rejects.toThrow()
    release()
    expect(await drained).toEqual({ complete: true })
    expect(await running).toMatch(/finished$/)
    expect(await fixture.http.drain(5000)).toEqual({ complete: true })
  })
})

describe('silent connections', () => {
  test('are cut when the client owes bytes and left alone while the server owes the answer', async () => {
    const { endpoint, release } = slow()
    const read: Endpoint = {
      method: 'put',
      path: '/p',
      access: WRITE,
      handle: async ({ content }) => {
        for await (const _ of content);
        return { status: 201 }
      },
    }
    await using fixture = await serve([endpoint, read], { server: { idleTimeout: 100 } })
    const waiting = rawExchange(fixture.port, get('/slow'), /finished/)
    const head = 'PUT /p HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good-token\r\nContent-Length: 9\r\n\r\nabc'
    expect(await rawExchange(fixture.port, head)).toBe('')
    await new Promise((resolve) => setTimeout(resolve, 250))
    release()
    expect(await waiting).toMatch(/finished$/)
  })

  test('a connection that sends nothing at all is cut too', async () => {
    await using fixture = await serve([], { server: { idleTimeout: 100 } })
    const socket = connect(fixture.port, '127.0.0.1')
    await new Promise((resolve) => socket.once('close', resolve))
    expect(fixture.facts).toEqual([])
  })
})

describe('what operators see', () => {
  test('metrics count by route pattern and are closed to strangers', async () => {
    const metrics = createMetrics()
    const observer = metrics.requests
    await using fixture = await serve([metricsEndpoint(metrics)])
    expect((await fetch(`${fixture.url}/metrics`)).status).toBe(401)
    observer.started?.()
    observer.finished({
      id: '1',
      method: 'BREW',
      route: '/v2/*name/x',
      status: 200,
      bytes: 3,
      milliseconds: 4,
      actor: 'a',
      client: '127.0.0.1',
      aborted: false,
    })
    const text = await (await fetch(`${fixture.url}/metrics`, { headers: AUTHORIZED })).text()
    expect(text).toContain(
      'artifactstore_http_request_duration_seconds_count{route="/v2/*name/x",method="OTHER",status="200"} 1',
    )
    expect(text).toContain('artifactstore_http_requests_in_flight 0')
    expect(text).toContain('artifactstore_http_response_bytes_total 3')
    expect(text).toContain('nodejs_eventloop_lag')
  })

  test('a request is one log line without path, query or headers', () => {
    const lines: unknown[] = []
    const log = {
      isLevelEnabled: () => true,
      info: (fields: unknown) => lines.push(fields),
      warn: () => lines.push('warn'),
    }
    const facts = {
      id: 'i',
      method: 'GET',
      route: '/r',
      status: 200,
      bytes: 1,
      milliseconds: 1.23456,
      actor: 'a',
      client: '::1',
    }
    const observer = requestLog(log as never)
    observer.finished({ ...facts, aborted: false })
    observer.finished({ ...facts, status: 503, aborted: true })
    expect(lines).toEqual([
      { requestId: 'i', method: 'GET', route: '/r', status: 200, bytes: 1, ms: 1.235, actor: 'a', client: '::1' },
      'warn',
    ])
  })

  test('bad health is 503 and is never cached', () => {
    expect(healthReply(false, { why: 'disk' })).toMatchObject({ status: 503, headers: { 'Cache-Control': 'no-store' } })
    expect(healthReply(true, {})).toMatchObject({ status: 200, body: '{}' })
  })
})
