/** Requests that mean harm on their way in: crooked paths, ambiguous framing, and hosts that are not this one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HOSTILE_FRAMING } from '../fuzz/hostile-framing.ts'
import { hostileProblems } from '../fuzz/run.ts'
import { parseAnswer, WireConnection } from '../fuzz/wire.ts'
import { ACCESS } from '../fuzz/world.ts'
import { type Door, imageManifest, openDoor, sha256 } from './oci-fixture.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor({ access: ACCESS })
})
afterAll(() => door[Symbol.asyncDispose]())

async function raw(text: string, port = door.port): Promise<string> {
  const connection = new WireConnection(port)
  return (await connection.raw(Buffer.from(text, 'latin1'))).toString('latin1')
}

const get = (target: string, headers = '', method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\nHost: registry.example\r\nAuthorization: Bearer t-admin\r\nConnection: close\r\n${headers}\r\n`
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const codeOf = (answer: string) => /"code":"([A-Z_]+)"/.exec(answer)?.[1]
const headerOf = (answer: string, name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(answer)?.[1]

describe('a crooked path', () => {
  const LONG = 'a'.repeat(256)
  test.each([
    ['a parent folder', '/v2/team/../secret/manifests/v1', 400],
    ['an escaped parent folder', '/v2/team/%2e%2e/secret/manifests/v1', 400],
    ['a half-escaped parent folder', '/v2/team/.%2e/secret/tags/list', 400],
    ['an escaped parent folder to the root', '/v2/%2e%2e/%2e%2e/etc/passwd', 404],
    ['a parent folder with an escaped slash', '/v2/team/..%2fsecret/manifests/v1', 400],
    ['an escaped slash in a name', '/v2/team%2Fa/manifests/v1', 400],
    ['an escaped slash in a reference', '/v2/team/a/manifests/v1%2F..%2Fv2', 404],
    ['a doubly escaped slash', '/v2/team%252Fa/manifests/v1', 400],
    ['a doubly escaped parent folder', '/v2/team/%252e%252e/a/manifests/v1', 400],
    ['a backslash', '/v2/team\\a/manifests/v1', 400],
    ['an escaped backslash', '/v2/team%5Ca/manifests/v1', 400],
    ['NUL in a name', '/v2/team/a%00/manifests/v1', 400],
    ['NUL in a reference', '/v2/team/a/manifests/v1%00.json', 404],
    ['a line break in a reference', '/v2/team/a/manifests/v1%0d%0aSet-Cookie:x', 400],
    ['overlong UTF-8', '/v2/team/%c0%ae%c0%ae/manifests/v1', 400],
    ['half an escape', '/v2/team/a/manifests/v%1', 400],
    ['a letter that looks like another', '/v2/te%D0%B0m/a/manifests/v1', 400],
    ['a letter that turns the text around', '/v2/team/a%E2%80%AE/manifests/v1', 400],
    ['a full-width slash', '/v2/team%EF%BC%8Fa/manifests/v1', 400],
    ['a semicolon', '/v2/team/a;x=1/manifests/v1', 400],
    ['an empty segment', '/v2/team//a/manifests/v1', 400],
    ['a segment that is too long', `/v2/${LONG}/manifests/v1`, 400],
    ['a tag that is too long', `/v2/team/a/manifests/${LONG}`, 404],
    ['a digest that is a path', '/v2/team/a/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd', 400],
    ['an upload that is a path', '/v2/team/a/blobs/uploads/..%2f..%2fregistry.db', 404],
    ['a path longer than the limit', `/v2/${'a/'.repeat(9_000)}manifests/v1`, 414],
  ])('with %s is refused in the form of the API', async (_what, path, status) => {
    const answer = await raw(get(path))
    expect([statusOf(answer), headerOf(answer, 'location')]).toEqual([status, undefined])
    expect(codeOf(answer)).toMatch(/^(?:NAME_INVALID|DIGEST_INVALID|UNSUPPORTED|BLOB_UPLOAD_UNKNOWN|MANIFEST_UNKNOWN)$/)
  })

  test('never reaches another repository than the one that the rules are asked about', async () => {
    await putAs('admin', 'secret/s', 'v1')
    for (const path of [
      '/v2/team/../secret/s/manifests/v1',
      '/v2/team/%2e%2e/secret/s/manifests/v1',
      '/v2/team/..%2fsecret/s/manifests/v1',
      '/v2/team/a/../../secret/s/manifests/v1',
      '/v2/secret%2fs/manifests/v1',
      '/v2//secret/s/manifests/v1',
      '/v2/secret/s/manifests/v1?x=/v2/team/a',
      '/v2/secret/%73/manifests/v1',
      '/V2/secret/s/manifests/v1',
    ]) {
      const answer = await raw(get(path).replace('t-admin', 't-reader'))
      expect([path, statusOf(answer)]).not.toEqual([path, 200])
    }
  })
})

async function putAs(who: string, repository: string, tag: string): Promise<string> {
  const body = JSON.stringify(imageManifest({ annotations: { repository, tag } }))
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
  const empty = await door.send('POST', `/v2/${repository}/blobs/uploads/?digest=${sha256('{}')}`, {
    token: `t-${who}`,
    body: '{}',
  })
  const put = await door.send('PUT', `/v2/${repository}/manifests/${tag}`, { token: `t-${who}`, body, headers })
  if (empty.status !== 201 || put.status !== 201) throw new Error(`not put: ${empty.status} ${put.status} ${put.bytes}`)
  return sha256(body)
}

describe('a message whose end is in doubt', () => {
  test.each(Object.entries(HOSTILE_FRAMING))(
    '%s: one answer, and what hides in it is not carried out',
    async (_, text) => {
      const received = await new WireConnection(door.port).raw(Buffer.from(text, 'latin1'), 100)
      expect(hostileProblems(received)).toEqual([])
      const smuggled = await door.send('HEAD', '/v2/team/a/manifests/smuggled', { token: 't-admin' })
      expect(smuggled.status).toBe(404)
    },
  )

  test.each([
    'Content-Length beside Transfer-Encoding',
    'two different Content-Length',
    'a length with a sign',
    'an encoding in odd case beside a length',
    'a space before the colon',
    'chunked that is not the last',
    'an encoding with a prefix',
    'a bare line feed between headers',
    'a chunk extension with a line feed',
    'no Host',
    'a header larger than allowed',
  ])('%s is refused, and the connection ends', async (name) => {
    const answer = await raw(HOSTILE_FRAMING[name]!)
    const last = answer.lastIndexOf('HTTP/1.1 ')
    expect(statusOf(answer.slice(last))).toBe(name === 'a header larger than allowed' ? 431 : 400)
    expect(answer.slice(last)).toMatch(/^connection: close/im)
  })

  test('chunk extensions are read over, and the bytes are the ones between them', async () => {
    const path = `/v2/team/a/blobs/uploads/?digest=${sha256('ab')}`
    const head = get(path, 'Transfer-Encoding: chunked\r\n', 'POST')
    expect(statusOf(await raw(`${head}1;x="y"\r\na\r\n1;z\r\nb\r\n0\r\nTrailer: t\r\n\r\n`))).toBe(201)
  })
})

describe('a host that is not this one', () => {
  const HOSTS = [
    'Host: evil.example\r\n',
    'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n',
    'Forwarded: host=evil.example;proto=https\r\n',
    'X-Original-URL: /evil\r\nX-Rewrite-URL: //evil.example/\r\n',
    'Host: evil.example/path\r\n',
    'Host: "evil.example"@x\r\n',
  ]
  const ask = (method: string, target: string, host: string, body = '') => {
    const own = host.startsWith('Host:') ? '' : 'Host: registry.example\r\n'
    const length = `Content-Length: ${body.length}\r\n`
    const head = `${method} ${target} HTTP/1.1\r\n${own}${host}Authorization: Bearer t-admin\r\nConnection: close\r\n`
    return raw(`${head}${length}\r\n${body}`)
  }

  test.each(HOSTS)('is in no Location and no Link: %j', async (host) => {
    await putAs('admin', 'team/links', 'v1')
    await putAs('admin', 'team/links', 'v2')
    const begun = await ask('POST', '/v2/team/a/blobs/uploads/', host)
    const upload = headerOf(begun, 'location') ?? ''
    expect(upload).toMatch(/^\/v2\/team\/a\/blobs\/uploads\/[\w-]+$/)
    const ahead = await ask('PATCH', upload, `${host}Content-Range: 5-5\r\n`, 'x')
    expect([statusOf(ahead), headerOf(ahead, 'location')]).toEqual([416, upload])
    const list = await ask('GET', '/v2/team/links/tags/list?n=1', host)
    expect(headerOf(list, 'link')).toBe('</v2/team/links/tags/list?n=1&last=v1>; rel="next"')
    const catalog = await ask('GET', '/v2/_catalog?n=1', host)
    expect(headerOf(catalog, 'link')).toMatch(/^<\/v2\/_catalog\?/)
  })

  test.each(['http://evil.example', 'HTTPS://evil.example:8443', 'ftp://u:p@evil.example'])(
    'as the authority of the target (%s) is not repeated, and the path counts as it stands',
    async (authority) => {
      const begun = await raw(get(`${authority}/v2/team/a/blobs/uploads/`, 'Content-Length: 0\r\n', 'POST'))
      const upload = headerOf(begun, 'location') ?? ''
      expect([statusOf(begun), upload.startsWith('/v2/team/a/')]).toEqual([202, true])
      const headers = 'Content-Range: 5-5\r\nContent-Length: 1\r\n'
      const ahead = await raw(`${get(`${authority}${upload}`, headers, 'PATCH')}x`)
      expect([statusOf(ahead), headerOf(ahead, 'location')]).toEqual([416, upload])
      const token = await raw(get(`${authority}/token?service=other`))
      expect([statusOf(token), codeOf(token)]).toEqual([400, 'UNSUPPORTED'])
    },
  )

  test('in the challenge is only what a host name can be, and a proxy that nobody trusts cannot set it', async () => {
    const realmFor = async (headers: string) => {
      const answer = await raw(`GET /v2/ HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`)
      return /realm="([^"]*)"/.exec(answer)?.[1]
    }
    const own = `http://127.0.0.1:${door.port}/token`
    expect(await realmFor('Host: registry.example\r\n')).toBe('http://registry.example/token')
    const forwarded = 'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n'
    expect(await realmFor(`Host: registry.example\r\n${forwarded}`)).toBe('http://registry.example/token')
    for (const host of ['a"b', 'a/b', 'u@evil.example', 'a b', 'a,realm=x', '', 'a\\b', '[::1'])
      expect([host, await realmFor(`Host: ${host}\r\n`)]).toEqual([host, own])
  })

  test('is what a trusted proxy says it is, and with a public URL never anything else', async () => {
    const realm = async (origins: NonNullable<Parameters<typeof openDoor>[0]>['origins']) => {
      await using proxied = await openDoor({ origins: origins! })
      const answer = await raw(
        'GET /v2/ HTTP/1.1\r\nHost: inside\r\nX-Forwarded-Host: outside.example\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n',
        proxied.port,
      )
      return /realm="([^"]*)"/.exec(answer)?.[1]
    }
    expect(await realm({ trustedProxies: ['127.0.0.0/8'] })).toBe('https://outside.example/token')
    expect(await realm({ trustedProxies: ['192.0.2.1'] })).toBe('http://inside/token')
    expect(await realm({ publicUrl: 'https://public.example' })).toBe('https://public.example/token')
  })

  test('redirects happen on no route, so that no client carries its credential away', async () => {
    for (const path of [
      '/v2',
      '/v2/',
      '/token',
      '/token/',
      '/v2/team/links/tags/list/',
      '//evil.example/v2/',
      '/v2/x/..',
    ])
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
        const answer = await raw(get(path, 'Content-Length: 0\r\n', method))
        const status = statusOf(answer)
        expect([path, method, status >= 300 && status < 400]).toEqual([path, method, false])
        if (!headerOf(answer, 'location')) continue
        expect(headerOf(answer, 'location')).toMatch(/^\/v2\//)
      }
  })
})

test('the reader of answers on the line knows a whole one from a part', () => {
  const whole = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP')
  expect(parseAnswer(whole, 'GET', false)).toMatchObject({ answer: { status: 200, body: Buffer.from('ok') } })
  expect(parseAnswer(whole.subarray(0, 39), 'GET', false)).toBeUndefined()
})
