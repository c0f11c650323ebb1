/** The token service, as clients use it: from the challenge to the answer that it was for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcrypt'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AccessRule, parseRepositoryPattern, type RepositoryPattern } from '../../src/registry/index.ts'
import { type Answer, type Door, imageManifest, openDoor, TOKEN } from './oci-fixture.ts'

const rule = (identities: string[], repositories: string, allow: AccessRule['allow']): AccessRule => ({
  identities,
  repositories: [parseRepositoryPattern(repositories) as RepositoryPattern],
  allow,
  origin: 'test',
})
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

interface TokenAnswer {
  readonly token: string
  readonly access_token: string
  readonly expires_in: number
  readonly issued_at: string
  readonly scope: string
  readonly refresh_token?: string
}

let folder: string
let door: Door
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-'))
  writeFileSync(join(folder, 'users'), `alice:${bcrypt.hashSync('s3cret', 4)}\n`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  const rules = [
    rule(['anonymous'], 'public/**', ['pull']),
    rule(['alice'], 'team/**', ['pull', 'push', 'delete']),
    rule(['ci'], '**', ['pull', 'push', 'delete', 'tag', 'admin']),
    rule(['other'], 'team/**', ['pull', 'tag']),
  ]
  door = await openDoor({ access: { rules, usersFile: join(folder, 'users') } })
})
afterEach(() => door[Symbol.asyncDispose]())

const get = (query: string, headers: Record<string, string> = {}) =>
  door.send('GET', `/token?${query}`, { token: null, headers })
const post = (form: Record<string, string>) =>
  door.send('POST', '/token', {
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  })
const granted = (answer: Answer) => answer.json as TokenAnswer
const bearer = ({ token }: TokenAnswer) => ({ token })

describe('what is refused', () => {
  test.each([
    ['a wrong password', () => get('', basic('alice', 'wrong')), 401, 'UNAUTHORIZED'],
    ['an unknown user', () => get('', basic('bob', 's3cret')), 401, 'UNAUTHORIZED'],
    ['another service', () => get('service=elsewhere'), 400, 'UNSUPPORTED'],
    ['too many scopes', () => get(Array(201).fill('scope=repository:a:pull').join('&')), 400, 'UNSUPPORTED'],
    ['no grant', () => post({}), 400, 'UNSUPPORTED'],
    ['a foreign grant', () => post({ grant_type: 'client_credentials' }), 400, 'UNSUPPORTED'],
    [
      'a wrong password by POST',
      () => post({ grant_type: 'password', username: 'alice', password: 'x' }),
      401,
      'UNAUTHORIZED',
    ],
    ['no refresh token', () => post({ grant_type: 'refresh_token' }), 400, 'UNSUPPORTED'],
    [
      'a forged refresh token',
      () => post({ grant_type: 'refresh_token', refresh_token: 'a.b.c' }),
      401,
      'UNAUTHORIZED',
    ],
    ['another method', () => door.send('PUT', '/token', { token: null }), 405, 'UNSUPPORTED'],
  ])('%s', async (_what, ask, status, code) => {
    const answer = await ask()
    expect([answer.status, answer.code]).toEqual([status, code])
    if (status === 401) expect(answer.headers.get('www-authenticate')).toBe('Basic realm="artifact-store"')
  })

  test('a form over 64 KiB', async () => {
    expect((await post({ grant_type: 'password', username: 'a'.repeat(70_000) })).status).toBe(413)
  })
})

test('a token is for the scopes that were asked for and are allowed, under both of its names', async () => {
  const query =
    'service=artifact-store&scope=repository:team/app:pull,push&scope=repository:public/x:pull,push&account=alice&client_id=c'
  const answer = await get(query, basic('alice', 's3cret'))
  expect(answer.headers.get('content-type')).toBe('application/json')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const body = granted(answer)
  expect(body).toMatchObject({
    access_token: body.token,
    expires_in: 300,
    scope: 'repository:team/app:pull,push repository:public/x:pull',
  })
  expect(new Date(body.issued_at).toISOString()).toBe(body.issued_at)
  expect(body.refresh_token).toBeUndefined()
})

test('the challenge leads to a token that does what it was refused for', async () => {
  const path = '/v2/team/app/blobs/uploads/'
  const refused = await door.send('POST', path, { token: null })
  const challenge = refused.headers.get('www-authenticate') ?? ''
  const [, realm, service, scope] = /^Bearer realm="([^"]+)",service="([^"]+)",scope="([^"]+)"$/.exec(challenge)!
  expect(realm).toBe(`http://127.0.0.1:${door.port}/token`)
  const answer = await get(String(new URLSearchParams({ service: service!, scope: scope! })), basic('alice', 's3cret'))
  expect((await door.send('POST', path, bearer(granted(answer)))).status).toBe(202)
  // What it was not asked for is refused with the scope that would do.
  const beyond = await door.send('DELETE', '/v2/team/app/manifests/x', bearer(granted(answer)))
  expect([beyond.status, beyond.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringMatching(/scope="repository:team\/app:pull,delete",error="insufficient_scope"$/),
  ])
  const denied = await door.send('POST', '/v2/elsewhere/blobs/uploads/', bearer(granted(answer)))
  expect([denied.status, denied.code]).toEqual([403, 'DENIED'])
})

test('nobody gets a token too, which reads what everybody may and answers the ping', async () => {
  await door.putManifest('public/tool', imageManifest(), 'v1')
  for (const headers of [{}, basic('', '')]) {
    const body = granted(await get('scope=repository:public/tool:pull,push', headers as Record<string, string>))
    expect(body.scope).toBe('repository:public/tool:pull')
    expect((await door.send('GET', '/v2/', bearer(body))).status).toBe(200)
    expect((await door.send('GET', '/v2/public/tool/manifests/v1', bearer(body))).status).toBe(200)
    expect((await door.send('POST', '/v2/public/tool/blobs/uploads/', bearer(body))).status).toBe(401)
  }
})

test('a refresh token gets new access tokens until its password changes, and is none itself', async () => {
  const first = granted(await get('offline_token=true&client_id=docker', basic('alice', 's3cret')))
  const refresh_token = first.refresh_token!
  const form = { grant_type: 'refresh_token', service: 'artifact-store', client_id: 'docker', refresh_token }
  const next = granted(await post({ ...form, scope: 'repository:team/app:pull' }))
  expect(next).toMatchObject({ refresh_token, scope: 'repository:team/app:pull' })
  expect((await door.send('GET', '/v2/', { token: refresh_token })).status).toBe(401)
  const byPassword = granted(
    await post({ grant_type: 'password', username: 'alice', password: 's3cret', access_type: 'offline' }),
  )
  expect(byPassword.refresh_token).toBeDefined()
})

test('an issued token is a password too, and its coming end is told', async () => {
  const { secret } = await door.registry.tokens.create(
    { scopes: ['repository:team/*:pull'], note: 'soon', expiresInSeconds: 86_400 },
    { name: 'local', kind: 'local' },
  )
  const answer = await get('scope=repository:team/app:pull,push', basic('whoever', secret))
  expect(granted(answer).scope).toBe('repository:team/app:pull')
  expect(answer.headers.get('warning')).toMatch(/^299 - "the token .* expires at /)
})

test('who may only tag moves tags on what is there and puts nothing new', async () => {
  const image = imageManifest()
  const digest = await door.putManifest('team/app', image, 'v1')
  const put = (manifest: object, tag: string) =>
    door.send('PUT', `/v2/team/app/manifests/${tag}`, {
      token: 'other-token',
      body: JSON.stringify(manifest),
      headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
    })
  expect((await put(image, 'stable')).status).toBe(201)
  expect([(await put(imageManifest({ annotations: { n: '2' } }), 'v2')).code]).toEqual(['DENIED'])
  expect((await door.send('DELETE', '/v2/team/app/manifests/stable', { token: 'other-token' })).status).toBe(202)
  expect((await door.send('DELETE', `/v2/team/app/manifests/${digest}`, { token: 'other-token' })).status).toBe(403)
  expect((await door.send('DELETE', `/v2/team/app/manifests/${digest}`, { token: TOKEN })).status).toBe(202)
})

test('the catalog has what the caller may see, and asks whoever might see more', async () => {
  for (const name of ['public/a', 'public/b', 'secret/x', 'team/app'])
    await door.putManifest(name, imageManifest(), 'v1')
  const list = async (options: { token: string | null }, query = '') => {
    const answer = await door.send('GET', `/v2/_catalog${query}`, options)
    return [answer.status, (answer.json as { repositories?: string[] }).repositories, answer.headers.get('link')]
  }
  expect(await list({ token: TOKEN })).toEqual([200, ['public/a', 'public/b', 'secret/x', 'team/app'], null])
  expect(await list({ token: 'other-token' })).toEqual([200, ['public/a', 'public/b', 'team/app'], null])
  expect(await list({ token: 'other-token' }, '?n=2')).toEqual([
    200,
    ['public/a', 'public/b'],
    '</v2/_catalog?n=2&last=public%2Fb>; rel="next"',
  ])
  expect(await list({ token: 'other-token' }, '?n=2&last=public/b')).toEqual([200, ['team/app'], null])
  const asked = await door.send('GET', '/v2/_catalog', { token: null })
  expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringContaining('scope="registry:catalog:*"'),
  ])
  const anonymous = granted(await get('scope=registry:catalog:*'))
  expect(await list(bearer(anonymous))).toEqual([200, ['public/a', 'public/b'], null])
})

test('a mount needs no scope of its source, but the right to read it', async () => {
  const blob = await door.putBlob('team/source', 'bytes')
  const hidden = await door.putBlob('secret/source', 'hidden')
  const { token } = granted(await get('scope=repository:team/target:pull,push', basic('alice', 's3cret')))
  const mount = async (query: string) =>
    (await door.send('POST', `/v2/team/target/blobs/uploads/?${query}`, { token })).status
  expect(await mount(`mount=${blob}&from=team/source`)).toBe(201)
  expect(await mount(`mount=${hidden}&from=secret/source`)).toBe(202)
  expect(await mount(`mount=${hidden}`)).toBe(202)
})
