/** `retention`, `hold`, `rm`: the life of a package from the command line, against a real server in process. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PackageJson } from '../../src/native-api/wire.ts'
import { type Door, openDoor, TOKEN } from '../native-api/native-fixture.ts'
import { testClock } from '../support/clock.ts'
import { commandHere } from './in-process.ts'

const DAY = 86_400
const clock = testClock(new Date().toISOString())
let door: Door
let found: PackageJson
beforeAll(async () => {
  door = await openDoor({ dependencies: { clock } })
  found = await door.finalized({ 'a.txt': 'a' })
})
afterAll(() => door[Symbol.asyncDispose]())

async function command(...args: string[]): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const env = { ARTIFACTSTORE_API_URL: door.url, ARTIFACTSTORE_API_TOKEN: TOKEN }
  const { code, stdout, stderr } = await commandHere(args, { cwd: '/', env })
  return { code, stdout, stderr }
}

async function said(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(...args)
  expect([code, stderr], args.join(' ')).toEqual([0, expect.not.stringContaining('error')])
  return stdout
}

test('a package is held, outlives its time, is released, swept and deleted, and its history tells all of it', async () => {
  const { id } = found
  expect(await said('retention', 'classes')).toMatch(/^raw-evidence +90 days$/m)
  expect(await said('retention', 'show', id)).toMatch(/^deletable {2}no$/m)
  const hold = (await said('hold', 'apply', id, '--case', 'C-17', '--reason', 'litigation')).trim()
  expect(await said('hold', 'list', id)).toContain(`${hold}  ${id}  C-17`)
  expect(await said('hold', 'list', '--case', 'C-17')).toContain(hold)
  const extended = await said('retention', 'extend', id, '--by', '10d', '--reason', 'audit')
  expect(extended).toBe(
    `package ${id} stays until ${new Date(Date.parse(found.expires_at!) + 10 * DAY * 1_000).toISOString()}\n`,
  )
  clock.advance(101 * DAY)
  const jumped = await command('retention', 'sweep')
  expect([jumped.code, jumped.stderr]).toEqual([expect.any(Number), expect.stringContaining('confirm-clock')])
  expect(await said('jobs', 'confirm-clock')).toContain('the clock is believed')
  expect(await said('retention', 'sweep')).toBe('0 packages marked as eligible for deletion, 1 held\n')
  const refused = await command('rm', id, '--reason', 'over')
  expect([refused.code, refused.stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining(`under the hold ${hold}`),
  ])
  expect(refused.code).not.toBe(0)
  await said('hold', 'release', id, hold, '--reason', 'settled')
  expect(await said('retention', 'sweep', '--dry-run')).toBe(
    `1 package would be eligible for deletion, 0 held\n  ${id}\n`,
  )
  expect(JSON.parse(await said('retention', 'sweep', '--json'))).toEqual({
    dry_run: false,
    eligible: 1,
    held: 0,
    packages: [id],
  })
  expect(await said('retention', 'show', id)).toMatch(/^deletable {2}yes$/m)
  expect(await said('rm', id, '--reason', 'over')).toBe(`package ${id} is deleted\n`)
  const history = await said('retention', 'history', id)
  for (const words of [
    'raw-evidence, until',
    `hold ${hold} for C-17`,
    'extended until',
    `released ${hold}`,
    'its time is over',
  ])
    expect(history).toContain(words)
})

test('what cannot be meant is a usage error', async () => {
  for (const args of [
    ['retention', 'extend', found.id, '--reason', 'x'],
    ['retention', 'extend', found.id, '--by', '1d', '--until', '2099-01-01', '--reason', 'x'],
    ['retention', 'extend', found.id, '--until', 'soon', '--reason', 'x'],
    ['hold', 'apply', found.id],
    ['hold', 'list'],
    ['hold', 'release', found.id, '--reason', 'x'],
    ['hold', 'release', found.id, 'id', '--case', 'C-17', '--reason', 'x'],
    ['rm', found.id],
  ])
    expect((await command(...args)).code, args.join(' ')).toBe(2)
})

test('holds of a matter are listed and released together, and others stand on', async () => {
  const packages = [await door.finalized({ a: '1' }), await door.finalized({ a: '1', b: '2' })]
  const ids: string[] = []
  for (const { id } of packages) {
    ids.push((await said('hold', 'apply', id, '--case', 'C-99', '--reason', 'inquiry')).trim())
    await said('hold', 'apply', id, '--case', 'C-100', '--reason', 'another')
  }
  const listed = async () =>
    (JSON.parse(await said('hold', 'list', '--case', 'C-99', '--json')) as { holds: { hold_id: string }[] }).holds
  expect((await listed()).map(({ hold_id }) => hold_id).sort()).toEqual([...ids].sort())
  const released = await said('hold', 'release', '--case', 'C-99', '--reason', 'closed')
  for (const id of ids) expect(released).toContain(`hold ${id} is released`)
  expect(await said('hold', 'release', '--case', 'C-99', '--reason', 'closed')).toBe('')
  expect(await said('retention', 'show', packages[0]!.id)).toContain('another (C-100)')
})
