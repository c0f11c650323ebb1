/** The native API under rules: a package belongs to its repository, and what one may not read does not exist. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PackageJson, PackagePageJson } from '../../src/native-api/wire.ts'
import { paths } from '../../src/native-api/wire.ts'
import { type AccessRule, parseRepositoryPattern, type RepositoryPattern } from '../../src/registry/index.ts'
import { type Door, formOf, NEW_PACKAGE, openDoor } from './native-fixture.ts'

const rule = (identities: string[], repositories: string, allow: AccessRule['allow']): AccessRule => ({
  identities,
  repositories: [parseRepositoryPattern(repositories) as RepositoryPattern],
  allow,
  origin: `rule for ${identities}`,
})

let door: Door
let ops: PackageJson
let team: PackageJson
beforeAll(async () => {
  const rules = [
    rule(['ci'], '**', ['pull', 'push', 'delete', 'tag', 'admin', 'audit']),
    rule(['reader'], 'team/**', ['pull']),
    rule(['pusher'], 'team/**', ['push']),
    rule(['teamadmin'], 'team/**', ['admin', 'pull', 'push']),
  ]
  const tokens = [
    'ci:test-token',
    'reader:reader-token',
    'pusher:pusher-token',
    'teamadmin:admin-token',
    'idle:idle-token',
  ]
  door = await openDoor({ access: { rules, tokens } })
  ops = await door.newPackage({ producer: 'ops' })
  team = await door.newPackage({ producer: 'team' })
})
afterAll(() => door[Symbol.asyncDispose]())

test('a package that one may not read is answered like one that is not there, whatever is asked of it', async () => {
  for (const [method, path] of [
    ['GET', paths.package],
    ['GET', paths.packageFiles],
    ['POST', paths.finalize],
    ['GET', paths.manifest],
  ] as const) {
    const token = method === 'GET' ? 'reader-token' : 'pusher-token'
    const there = await door.refusal(method, path(ops.id), { token })
    const nowhere = await door.refusal(method, path(crypto.randomUUID()), { token })
    expect([there.code, there.status]).toEqual(['package-unknown', 404])
    expect([nowhere.code, nowhere.status]).toEqual(['package-unknown', 404])
  }
})

test('whoever may read and not push is told so; whoever may nothing is told before anything is looked up', async () => {
  expect(await door.refusal('POST', paths.finalize(team.id), { token: 'reader-token' })).toMatchObject({ status: 403 })
  for (const id of [team.id, 'nothing']) {
    expect(await door.refusal('GET', paths.package(id), { token: 'idle-token' })).toMatchObject({
      code: 'denied',
      status: 403,
    })
  }
})

test('a list has only what the caller may read, and goes on through what it may not', async () => {
  const list = async (token: string, query = '') =>
    (await door.send('GET', `${paths.packages}${query}`, { token })).json as PackagePageJson
  expect((await list('test-token')).packages.map(({ producer }) => producer).sort()).toEqual(['ops', 'team'])
  expect((await list('reader-token')).packages.map(({ id }) => id)).toEqual([team.id])
  expect((await list('reader-token', '?producer=ops')).packages).toEqual([])
  // In pages of one, with another's package on either side of the team's.
  await door.newPackage({ producer: 'ops', name: 'later' })
  const found: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: PackagePageJson = await list('reader-token', `?limit=1${cursor && `&cursor=${cursor}`}`)
    found.push(...page.packages.map(({ id }) => id))
    cursor = page.next_cursor
  }
  expect(found).toEqual([team.id])
})

test('packages are made only where one may push, and files go only into what one may push to', async () => {
  const create = (producer: string) =>
    door.send('POST', paths.packages, { token: 'pusher-token', json: { ...NEW_PACKAGE, producer } })
  expect((await create('team')).status).toBe(201)
  expect((await create('ops')).status).toBe(403)
  expect((await create('TEAM ')).status).toBe(409)
  const body = () => formOf({ relative_path: 'x' }, 'x')
  const add = (id: string) => door.send('POST', paths.packageFiles(id), { token: 'pusher-token', body: body() })
  expect((await add(ops.id)).status).toBe(404)
  const { id: upload } = (await door.send('POST', paths.uploads, { token: 'pusher-token', json: {} })).json as {
    id: string
  }
  await door.send('PATCH', paths.upload(upload), { token: 'pusher-token', body: 'x' })
  const json = { package_id: ops.id, relative_path: 'x' }
  expect((await door.send('POST', paths.completeUpload(upload), { token: 'pusher-token', json })).status).toBe(404)
})

describe('what is about everything', () => {
  test.each([paths.events, paths.tokens])('%s needs more than some repositories', async (path) => {
    expect(
      (await door.send('GET', path, { token: 'reader-token', headers: { accept: 'application/json' } })).status,
    ).toBe(403)
    expect((await door.send('GET', path, { headers: { accept: 'application/json' } })).status).toBe(200)
  })

  test('tokens are issued for what one administers, and no more', async () => {
    const issue = (scope: string, token = 'admin-token') =>
      door.send('POST', paths.tokens, { token, json: { scopes: [scope], note: 'n' } })
    expect((await issue('repository:team/x:pull')).status).toBe(201)
    expect((await issue('repository:team/x:delete')).status).toBe(403)
    expect((await issue('repository:ops/x:pull')).status).toBe(403)
    expect((await issue('repository:team/x:pull', 'reader-token')).status).toBe(403)
    expect((await issue('nonsense')).status).toBe(400)
  })

  test('explanations are for those who administer the repository', async () => {
    const ask = async (repository: string, token = 'admin-token') => {
      const query = new URLSearchParams({ identity: 'reader', action: 'pull', repository })
      const { status, json } = await door.send('GET', `${paths.accessExplanation}?${query}`, { token })
      return [status, (json as { by?: string }).by]
    }
    expect(await ask('team/x')).toEqual([200, 'rule for reader'])
    expect((await ask('ops/x'))[0]).toBe(403)
    expect(await ask('ops/x', 'test-token')).toEqual([200, undefined])
    expect((await ask('team/x', 'reader-token'))[0]).toBe(403)
  })
})
