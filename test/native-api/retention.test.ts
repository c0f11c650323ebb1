/** Retention by the native API: who may, what is refused and how, and a deletion through both doors. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HoldJson, type PackageJson, paths, type RetentionJson } from '../../src/native-api/wire.ts'
import { type AccessRule, parseRepositoryPattern, type RepositoryPattern } from '../../src/registry/index.ts'
import { type Door, openDoor, type RequestOptions } from './native-fixture.ts'

const rule = (identity: string, allow: AccessRule['allow']): AccessRule => ({
  identities: [identity],
  repositories: [parseRepositoryPattern('ops/**') as RepositoryPattern],
  allow,
  origin: `rule for ${identity}`,
})
const RIGHTS = ['pull', 'push', 'delete', 'tag', 'retain', 'hold', 'release', 'audit'] as const

let door: Door
let found: PackageJson
beforeAll(async () => {
  const everything: AccessRule = {
    ...rule('ci', [...RIGHTS, 'admin', 'collect']),
    repositories: ['**' as RepositoryPattern],
  }
  const rules = [everything, ...RIGHTS.map((right) => rule(right, right === 'pull' ? ['pull'] : ['pull', right]))]
  const tokens = ['ci:test-token', ...RIGHTS.map((right) => `${right}:t-${right}`)]
  door = await openDoor({ access: { rules, tokens } })
  found = await door.finalized({ 'a.txt': 'a' })
})
afterAll(() => door[Symbol.asyncDispose]())

const REASON = { reason: 'audit' }
const holdOf = async (id: string): Promise<HoldJson> =>
  (await door.send('POST', paths.holds(id), { json: { ...REASON, case: 'C-17' } })).json as HoldJson

describe('each change has its right', () => {
  const changes: Readonly<Record<string, (id: string) => readonly [string, string, RequestOptions?]>> = {
    retain: (id) => [
      'POST',
      paths.retentionExtensions(id),
      { json: { new_expires_at: '2098-01-01T00:00:00Z', ...REASON } },
    ],
    hold: (id) => ['POST', paths.holds(id), { json: REASON }],
    release: (id) => ['POST', paths.holdRelease(id, crypto.randomUUID()), { json: REASON }],
    delete: (id) => ['DELETE', `${paths.package(id)}?reason=audit`],
  }

  test.each(Object.entries(changes))('%s is for nobody else', async (right, change) => {
    for (const other of RIGHTS) {
      const [method, path, options] = change(found.id)
      const { status } = await door.send(method, path, { ...options, token: `t-${other}` })
      if (other !== right) expect(status, `with ${other}`).toBe(403)
      else expect(status, `with ${other}`).not.toBe(401)
    }
  })

  test('the sweep and the clock are for whoever may collect everywhere', async () => {
    for (const path of [paths.retentionSweeps, paths.clockConfirmation]) {
      for (const right of RIGHTS) {
        expect(await door.refusal('POST', path, { json: {}, token: `t-${right}` })).toMatchObject({ status: 403 })
      }
      expect((await door.send('POST', path, { json: {} })).status).toBe(200)
    }
  })
})

test('what is wrong with a change is said with its field', async () => {
  const extend = (json: unknown) => door.refusal('POST', paths.retentionExtensions(found.id), { json })
  expect(await extend({ new_expires_at: '2099-01-01T00:00:00Z' })).toMatchObject({ status: 400, field: 'reason' })
  expect(await extend({ new_expires_at: 'tomorrow', ...REASON })).toMatchObject({
    status: 400,
    field: 'new_expires_at',
  })
  expect(await extend({ new_expires_at: '2020-01-01T00:00:00Z', ...REASON })).toMatchObject({
    status: 409,
    code: 'expiry-not-later',
    context: { expires_at: expect.any(String) },
  })
  expect(await door.refusal('DELETE', paths.package(found.id))).toMatchObject({ status: 400, field: 'reason' })
  expect(await door.refusal('GET', `${paths.retentionHistory(found.id)}?cursor=x`)).toMatchObject({
    status: 409,
    code: 'cursor-unknown',
  })
  const lower = { json: { retention_class: 'transient', ...REASON } }
  expect(await door.refusal('PUT', paths.packageClass(found.id), lower)).toMatchObject({
    status: 409,
    code: 'class-not-stronger',
  })
})

test('a kept package is not deleted; the answer names class, expiry and holds, and the state says the same', async () => {
  const hold = await holdOf(found.id)
  const refusal = await door.refusal('DELETE', `${paths.package(found.id)}?reason=audit`)
  const state = (await door.send('GET', paths.retention(found.id))).json as RetentionJson
  expect(refusal).toMatchObject({
    status: 403,
    code: 'retained',
    context: { package_id: found.id, retention_class: 'raw-evidence', expires_at: state.expires_at },
  })
  const standing = state.holds.filter(({ released_at }) => released_at === null).map(({ hold_id }) => hold_id)
  expect(standing).toContain(hold.hold_id)
  expect([...((refusal.context as { holds: string[] }).holds ?? [])].sort()).toEqual([...standing].sort())
  expect(state.eligible).toBe(false)
})

test('what is deleted leaves a tombstone that is read and listed', async () => {
  const doomed = await door.newPackage({ name: 'doomed', retention_class: 'user-managed' })
  await door.addFile(doomed.id, 'a.txt', 'a')
  await door.send('POST', paths.finalize(doomed.id))
  const tagged = await door.send('PUT', paths.packageTag(doomed.id, 'v1'))
  expect(tagged.status).toBe(200)
  expect((await door.send('DELETE', `${paths.package(doomed.id)}?reason=mistake`)).status).toBe(204)
  expect((await door.send('GET', paths.package(doomed.id))).json).toMatchObject({ status: 'deleted', oci: null })
  const listed = await door.send('GET', '/packages?status=deleted')
  expect(JSON.stringify(listed.json)).toContain(doomed.id)
  expect(await door.refusal('DELETE', `${paths.package(doomed.id)}?reason=again`)).toMatchObject({ status: 404 })
})
