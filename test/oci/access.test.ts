import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { ociEndpoints } from '../../src/oci/index.ts'
import { openDoor, sha256, TOKEN } from './oci-fixture.ts'

const DIGEST = sha256('x')
const challengeOf = (port: number, scope = '') =>
  `Bearer realm="http://127.0.0.1:${port}/token",service="artifact-store"${scope}`

function pathOf(pattern: string): string {
  return pattern
    .replace('*name', 'team/app')
    .replace(':digest', DIGEST)
    .replace(':reference', 'latest')
    .replace(':upload', 'some-upload')
}

describe('without a valid token', () => {
  test('every route refuses, with a challenge, and tells nothing else', async () => {
    await using door = await openDoor()
    const bodies = new Set<string>()
    for (const { method, path } of ociEndpoints({ registry: door.registry })) {
      if (path === '/token') continue
      const answer = await door.send(method.toUpperCase(), pathOf(path), { token: null })
      expect([path, answer.status]).toEqual([path, 401])
      expect(answer.headers.get('www-authenticate')).toContain(challengeOf(door.port))
      expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
      if (method !== 'head') bodies.add(answer.bytes.toString())
    }
    expect(bodies.size).toBe(1)
    expect(JSON.parse([...bodies][0] ?? '')).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] })
  })

  test('a wrong token is refused also where anonymous readers are welcome', async () => {
    await using door = await openDoor({ access: { anonymousRead: true } })
    const answer = await door.send('GET', '/v2/', { token: 'wrong' })
    expect([answer.status, answer.code]).toEqual([401, 'UNAUTHORIZED'])
  })

  test('anonymous readers read where that is open, and still cannot write', async () => {
    await using door = await openDoor({ access: { anonymousRead: true } })
    await door.putBlob('team/app', 'x')
    expect((await door.send('GET', `/v2/team/app/blobs/${DIGEST}`, { token: null })).status).toBe(200)
    const answer = await door.send('POST', '/v2/team/app/blobs/uploads/', { token: null })
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      challengeOf(door.port, ',scope="repository:team/app:pull,push"'),
    ])
  })

  test('an upload that asks first is refused before it is told to continue', async () => {
    await using door = await openDoor()
    const socket = connect(door.port, '127.0.0.1')
    socket.write(
      'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n',
    )
    const [first] = (await new Promise<[Buffer]>((resolve) => socket.once('data', (data) => resolve([data])))) as [
      Buffer,
    ]
    socket.destroy()
    expect(first.toString()).toMatch(/^HTTP\/1.1 401/)
  })
})

describe('ping', () => {
  test('answers with and without the slash, and asks for a credential even where anonymous reads are open', async () => {
    await using door = await openDoor({ access: { anonymousRead: true } })
    for (const path of ['/v2', '/v2/']) {
      const asked = await door.send('GET', path, { token: null })
      expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([401, challengeOf(door.port)])
      const answer = await door.send('GET', path)
      expect([answer.status, answer.json]).toEqual([200, {}])
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
    }
  })

  test('takes the token as the password of any user', async () => {
    await using door = await openDoor()
    const authorization = `Basic ${Buffer.from(`whoever:${TOKEN}`).toString('base64')}`
    expect((await door.send('GET', '/v2/', { headers: { authorization } })).status).toBe(200)
  })
})

describe('paths that are not of the API', () => {
  test('are refused in the form of the API', async () => {
    await using door = await openDoor()
    const cases = [
      ['GET', '/v2/team', 404, 'UNSUPPORTED'],
      ['GET', '/v2/team/app/tags', 404, 'UNSUPPORTED'],
      ['POST', '/v2/team/app/manifests/latest', 405, 'UNSUPPORTED'],
      ['GET', '/v2/Team/manifests/latest', 400, 'NAME_INVALID'],
      ['GET', '/v2/team%2Fapp/manifests/latest', 400, 'NAME_INVALID'],
      ['GET', '/v2/team//app/manifests/latest', 400, 'NAME_INVALID'],
      ['GET', '/v2/team/../manifests/latest', 404, 'UNSUPPORTED'],
      ['GET', '/v2/team/%2e%2e/manifests/latest', 404, 'UNSUPPORTED'],
      ['GET', '/v2/team/app/manifests/%zz', 400, 'NAME_INVALID'],
      ['GET', '/v2/team/app/manifests/sha256:baddigeststring', 400, 'DIGEST_INVALID'],
      ['PUT', '/v2/team/app/manifests/-tag', 400, 'NAME_INVALID'],
      ['GET', '/v2/team/app/manifests/-tag', 404, 'MANIFEST_UNKNOWN'],
      ['GET', '/v2/team/app/blobs/uploads', 400, 'DIGEST_INVALID'],
      ['GET', `/v2/team/app/blobs/${DIGEST.toUpperCase()}`, 400, 'DIGEST_INVALID'],
    ] as const
    for (const [method, path, status, code] of cases) {
      const answer = await door.send(method, path)
      expect([path, answer.status, answer.code]).toEqual([path, status, code])
    }
  })

  test('repositories may have segments that are words of the API', async () => {
    await using door = await openDoor()
    for (const name of ['blobs/uploads', 'manifests', 'a/manifests/b', 'tags/list', 'v2']) {
      const digest = await door.putBlob(name, name)
      expect((await door.send('GET', `/v2/${name}/blobs/${digest}`)).bytes.toString()).toBe(name)
      expect((await door.send('GET', `/v2/${name}/blobs/${digest.replace(':', '%3A')}`)).status).toBe(200)
    }
  })
})
