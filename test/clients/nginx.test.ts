/** The server behind nginx, which ends TLS as docs/reverse-proxy.md says: what clients are told, and who they are. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { type RequestOptions, request as secureRequest } from 'node:https'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ServerProcess } from '../cli/server-process.ts'
import { type NginxProcess, startNginx } from './nginx-process.ts'

const TOKEN = 'proxied'
const AUTHORIZATION = { Authorization: `Bearer ${TOKEN}` }
/** Of the client: not the address that the proxy has towards the server. */
const CLIENT = '127.0.0.2'
const FORGED = {
  'X-Forwarded-For': '203.0.113.9',
  'X-Forwarded-Host': 'evil.example',
  'X-Forwarded-Proto': 'http',
  Forwarded: 'for=203.0.113.9;host=evil.example;proto=http',
}
const MIB = 1024 * 1024

let server: ServerProcess | undefined
let nginx: NginxProcess | undefined
afterEach(async () => {
  await nginx?.stop()
  await server?.remove()
  nginx = undefined
  server = undefined
})

async function start(
  env: Readonly<Record<string, string>>,
  { sendsFiles = false }: { sendsFiles?: boolean } = {},
): Promise<void> {
  server = await ServerProcess.start({ ARTIFACTSTORE_AUTH_TOKENS: `ci:${TOKEN}`, ...env })
  nginx = await startNginx(server.port, sendsFiles ? join(server.folder, 'var', 'storage') : undefined)
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Without a Content-Length these go out chunked. */
  readonly body?: Iterable<Buffer>
}

/** Through nginx over TLS, its certificate checked. */
function through(path: string, asked: Asked = {}): Promise<Answer> {
  const { port, certificate } = nginx!
  return send({ port, ca: certificate, servername: 'localhost' }, path, asked)
}

/** To the server itself, past the proxy. */
function direct(path: string, asked: Asked = {}): Promise<Answer> {
  return send({ port: server!.port }, path, asked)
}

function send(to: RequestOptions, path: string, { method = 'GET', headers = {}, body = [] }: Asked): Promise<Answer> {
  const isSecure = to.servername !== undefined
  const options = {
    host: '127.0.0.1',
    localAddress: CLIENT,
    agent: false,
    ...to,
    path,
    method,
    headers: { Host: `localhost:${to.port}`, ...headers },
  }
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? secureRequest : plainRequest)(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    sent.on('error', reject)
    void (async () => {
      for (const block of body) if (!sent.write(block)) await new Promise((drained) => sent.once('drain', drained))
      sent.end()
    })()
  })
}

const realmIn = ({ headers }: Answer) => /realm="([^"]*)"/.exec(String(headers['www-authenticate']))?.[1]

/** The `client` of the log line of a request with this id, once it is written. */
async function loggedClient(id: string): Promise<unknown> {
  for (;;) {
    const line = server!.stdout.split('\n').find((text) => text.includes(`"requestId":"${id}"`))
    if (line) return (JSON.parse(line) as { client: unknown }).client
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The host of the reference under which the native API shows a package that was pushed through it. */
async function pushedReference(ask: typeof through): Promise<string> {
  const about = { name: 'app', producer: 'team', subject: 's', retention_class: 'transient' }
  const json = { ...AUTHORIZATION, 'Content-Type': 'application/json' }
  const made = await ask('/packages', { method: 'POST', headers: json, body: [Buffer.from(JSON.stringify(about))] })
  expect(made.status).toBe(201)
  const { id } = JSON.parse(made.body.toString()) as { id: string }
  const form = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\na\r\n--x--\r\n'
  const multipart = { ...AUTHORIZATION, 'Content-Type': 'multipart/form-data; boundary=x' }
  const filled = await ask(`/packages/${id}/files`, { method: 'POST', headers: multipart, body: [Buffer.from(form)] })
  expect(filled.status).toBe(201)
  const done = await ask(`/packages/${id}/finalize`, { method: 'POST', headers: json, body: [Buffer.from('{}')] })
  expect(done.status).toBe(200)
  const shown = await ask(`/packages/${id}`, { headers: AUTHORIZATION })
  return /"reference":"([^/"]+)\//.exec(shown.body.toString())?.[1] ?? shown.body.toString()
}

describe('a proxy that the server trusts', () => {
  test('decides the realm, the references and the address in the log; what the client says of itself counts for nothing', async () => {
    await start({ ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1' })
    const outside = `localhost:${nginx!.port}`
    const challenged = await through('/v2/', { headers: { ...FORGED, 'X-Request-Id': 'outside' } })
    expect(challenged.status).toBe(401)
    expect(realmIn(challenged)).toBe(`https://${outside}/token`)
    expect(await loggedClient('outside')).toBe(CLIENT)
    expect(await pushedReference(through)).toBe(outside)

    const token = await through('/token?service=artifact-store', {
      headers: { Authorization: `Basic ${Buffer.from(`ci:${TOKEN}`).toString('base64')}` },
    })
    const bearer = (JSON.parse(token.body.toString()) as { token: string }).token
    expect((await through('/v2/', { headers: { Authorization: `Bearer ${bearer}` } })).status).toBe(200)
  })

  test('is not whoever else speaks to the server: its forwarded headers are ignored', async () => {
    await start({ ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1' })
    const challenged = await direct('/v2/', { headers: { ...FORGED, 'X-Request-Id': 'stranger' } })
    expect(realmIn(challenged)).toBe(`http://localhost:${server!.port}/token`)
    expect(await loggedClient('stranger')).toBe(CLIENT)
  })

  test('with a public URL, that is what everybody is told, and the address is still the client’s', async () => {
    const env = { ARTIFACTSTORE_PUBLIC_URL: 'https://registry.example', ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1' }
    await start(env)
    const challenged = await through('/v2/', { headers: { ...FORGED, 'X-Request-Id': 'public' } })
    expect(realmIn(challenged)).toBe('https://registry.example/token')
    expect(challenged.headers['strict-transport-security']).toMatch(/^max-age=\d+/)
    expect(await loggedClient('public')).toBe(CLIENT)
    expect(await pushedReference(through)).toBe('registry.example')
    expect(realmIn(await direct('/v2/'))).toBe('https://registry.example/token')
  })
})

test('without trust the proxy is one client like any other, whatever it forwards', async () => {
  await start({})
  const challenged = await through('/v2/', { headers: { ...FORGED, 'X-Request-Id': 'untrusted' } })
  // The Host header is the client's own and passes through; that TLS was ended, nobody may say.
  expect(realmIn(challenged)).toBe(`http://localhost:${nginx!.port}/token`)
  expect(await loggedClient('untrusted')).toBe('127.0.0.1')
})

test('64 MiB go through in chunks as they come, and a range of them comes back', async () => {
  await start({ ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1' })
  const block = randomBytes(MIB)
  const blocks = Array.from({ length: 64 }, (_, n) => {
    const own = Buffer.from(block)
    own.writeUInt32LE(n, 0)
    return own
  })
  const hash = createHash('sha256')
  for (const each of blocks) hash.update(each)
  const digest = `sha256:${hash.digest('hex')}`

  const begun = await through('/v2/team/big/blobs/uploads/', { method: 'POST', headers: AUTHORIZATION })
  expect(begun.status).toBe(202)
  const at = pathOf(begun)
  const type = { 'Content-Type': 'application/octet-stream' }
  const patched = await through(at, { method: 'PATCH', headers: { ...AUTHORIZATION, ...type }, body: blocks })
  expect([patched.status, patched.headers.range]).toEqual([202, `0-${64 * MIB - 1}`])
  const next = pathOf(patched)
  const mark = next.includes('?') ? '&' : '?'
  const put = await through(`${next}${mark}digest=${digest}`, { method: 'PUT', headers: AUTHORIZATION })
  expect(put.status).toBe(201)

  const range = { Range: `bytes=${10 * MIB - 2}-${10 * MIB + 3}` }
  const part = await through(`/v2/team/big/blobs/${digest}`, { headers: { ...AUTHORIZATION, ...range } })
  expect([part.status, part.headers['content-range']]).toEqual([
    206,
    `bytes ${10 * MIB - 2}-${10 * MIB + 3}/${64 * MIB}`,
  ])
  expect(part.body).toEqual(Buffer.concat([blocks[9]!.subarray(-2), blocks[10]!.subarray(0, 4)]))
})

describe('a proxy that sends stored files itself', () => {
  const HANDOVER = { ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1', ARTIFACTSTORE_FILE_HANDOVER: 'x-accel-redirect' }
  const bytes = randomBytes(3 * MIB)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const path = `/v2/team/files/blobs/${digest}`

  async function pushed(env: Readonly<Record<string, string>>): Promise<void> {
    await start(env, { sendsFiles: true })
    const begun = await through('/v2/team/files/blobs/uploads/', { method: 'POST', headers: AUTHORIZATION })
    const at = pathOf(begun)
    const headers = { ...AUTHORIZATION, 'Content-Type': 'application/octet-stream' }
    const put = await through(`${at}${at.includes('?') ? '&' : '?'}digest=${digest}`, {
      method: 'PUT',
      headers,
      body: [bytes],
    })
    expect(put.status).toBe(201)
  }

  test('answers as the server would, with the whole, a part, and nothing where nothing has changed', async () => {
    await pushed(HANDOVER)
    const own = await direct(path, { headers: AUTHORIZATION })
    const whole = await through(path, { headers: AUTHORIZATION })
    expect(whole.body.equals(bytes)).toBe(true)
    const names = [
      ...['content-type', 'content-length', 'accept-ranges', 'etag', 'docker-content-digest'],
      ...['docker-distribution-api-version', 'x-content-type-options', 'content-security-policy'],
    ]
    const said = (answer: Answer) => names.map((name) => [name, answer.headers[name]])
    expect(said(whole)).toEqual(said(own))
    // Bytes from the file carry its time, which the server does not know: they came from nginx.
    expect([whole.headers['last-modified'] !== undefined, own.headers['last-modified']]).toEqual([true, undefined])

    const part = await through(path, { headers: { ...AUTHORIZATION, Range: `bytes=${MIB}-` } })
    expect([part.status, part.headers['content-range'], part.headers['docker-content-digest']]).toEqual([
      206,
      `bytes ${MIB}-${3 * MIB - 1}/${3 * MIB}`,
      digest,
    ])
    expect(part.body.equals(bytes.subarray(MIB))).toBe(true)
    const known = await through(path, { headers: { ...AUTHORIZATION, 'If-None-Match': `"${digest}"` } })
    expect([known.status, known.body.length]).toEqual([304, 0])
  })

  test('asks the server first who may read it, and has no other way to the files', async () => {
    await pushed(HANDOVER)
    expect((await through(path)).status).toBe(401)
    const { headers } = await through(path, { headers: AUTHORIZATION })
    expect(headers['x-accel-redirect']).toBeUndefined()
    const hex = readdirSync(join(server!.folder, 'var', 'storage', 'blake3'), { recursive: true }) as string[]
    const file = hex.find((name) => /[0-9a-f]{64}$/.test(name))!
    expect((await through(`/artifactstore-files/blake3/${file}`, { headers: AUTHORIZATION })).status).toBe(404)
  })

  test('that the server does not trust gets the bytes from it, and is not told where they lie', async () => {
    await pushed({ ...HANDOVER, ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.9' })
    const whole = await through(path, { headers: AUTHORIZATION })
    expect(whole.body.equals(bytes)).toBe(true)
    expect(whole.headers['last-modified']).toBeUndefined()
  })
})

/** Where a client that came to the proxy would go on: nowhere else. */
function pathOf({ headers }: Answer): string {
  const here = `https://localhost:${nginx!.port}`
  const location = new URL(String(headers.location), here)
  expect(location.origin).toBe(here)
  return `${location.pathname}${location.search}`
}
