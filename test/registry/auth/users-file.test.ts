import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcrypt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPasswords } from '../../../src/registry/auth/passwords.ts'
import { openUsersFile, parseUsers } from '../../../src/registry/auth/users-file.ts'

const HASH = bcrypt.hashSync('s3cret', 4)

describe('what is refused', () => {
  test.each([
    ['alice', "line 1: it is not 'name:hash'"],
    [`:${HASH}`, "line 1: it is not 'name:hash'"],
    ['alice:$apr1$x$y', 'line 1: its hash is not bcrypt'],
    ['alice:plain', 'line 1: its hash is not bcrypt'],
    [`alice:${HASH.replace('$04$', '$31$')}`, 'line 1: its hash is not bcrypt'],
    [`# people\n\nlocal:${HASH}`, "line 3: the name 'local' is reserved"],
    [`token:x:${HASH}`, 'line 1: its hash is not bcrypt'],
    [`alice:${HASH}\nalice:${HASH}`, "line 2: 'alice' is in it already"],
  ])('%j', (text, says) => {
    expect(() => parseUsers(text)).toThrow(says)
  })
})

describe('a file of users', () => {
  let folder: string
  let path: string
  const time = { now: 0 }
  const problems: string[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'users-'))
    path = join(folder, 'users')
    problems.length = 0
    time.now = 0
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const open = (text: string) => {
    writeFileSync(path, text)
    return openUsersFile({
      path,
      fingerprint: (secret) => secret.slice(0, 40),
      clock: () => time.now,
      onProblem: (sentence) => problems.push(sentence),
    })
  }

  test('knows a name with its password, and neither alone', async () => {
    const users = open(`alice:${HASH.replace('$2b$', '$2y$')}\n`)
    expect(await users.verify('alice', 's3cret')).toMatchObject({ name: 'alice', kind: 'user' })
    for (const [name, password] of [
      ['alice', 'wrong'],
      ['bob', 's3cret'],
      ['alice', ''],
      ['alice', 's3cret\0x'],
    ] as const) {
      expect(await users.verify(name, password)).toBeUndefined()
    }
  })

  test('is read again when it changes; a broken one leaves the users of before', async () => {
    const users = open(`alice:${HASH}\n`)
    writeFileSync(path, `alice:${HASH}\nbob:${HASH}\n`)
    expect(users.named('bob')).toBeUndefined()
    time.now += 1_000
    expect(users.named('bob')).toMatchObject({ name: 'bob' })
    writeFileSync(path, 'broken')
    time.now += 1_000
    expect(users.named('bob')).toMatchObject({ name: 'bob' })
    expect(problems).toEqual([expect.stringContaining('cannot be used')])
  })

  test('a password that was right is remembered until its entry changes', async () => {
    const users = open(`alice:${HASH}\n`)
    let checks = 0
    const counted = { ...users, verify: (name: string, password: string) => (checks++, users.verify(name, password)) }
    const passwords = createPasswords(counted, Buffer.from('k'), () => time.now)
    for (let n = 0; n < 3; n += 1) expect(await passwords.check('alice', 's3cret')).toMatchObject({ name: 'alice' })
    expect(checks).toBe(1)
    writeFileSync(path, `alice:${bcrypt.hashSync('other', 4)}\n`)
    time.now += 1_000
    expect(await passwords.check('alice', 's3cret')).toBeUndefined()
    expect(await passwords.check('alice', 'other')).toMatchObject({ name: 'alice' })
  })

  test('no more than some checks wait for their turn', async () => {
    const passwords = createPasswords(open(`alice:${HASH}\n`), Buffer.from('k'), () => time.now)
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => passwords.check('alice', `guess ${n}`)))
    expect(answers.filter((answer) => answer === 'busy')).toHaveLength(100 - 2 - 64)
  })
})
