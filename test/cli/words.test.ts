/** Text in and out of the command line: references, metadata, tables, sizes, credentials. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseMetadata } from '../../src/cli/commands/push.ts'
import type { ClientSettings } from '../../src/cli/context.ts'
import { findToken, removeToken, storeToken } from '../../src/cli/credentials.ts'
import { CliError } from '../../src/cli/failure.ts'
import { eachParallel } from '../../src/cli/pool.ts'
import { parsePackageReference } from '../../src/cli/references.ts'
import { withRetry } from '../../src/cli/retry.ts'
import { formatBytes, formatDuration, formatTable, printable } from '../../src/cli/terminal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'words-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('references', () => {
  const digest = `sha256:${'a'.repeat(64)}`

  test.each([
    '',
    'repository',
    'Repo:tag',
    'a/b:',
    ':tag',
    'a@sha256:abc',
    'a/b@',
    'host.example/:tag',
    'a b:c',
    '../x:y',
    'a:b:c',
  ])('%j names no package', (text) => {
    expect(() => parsePackageReference(text)).toThrow(CliError)
  })

  test.each([
    ['0198f1f0-0000-7000-8000-00000000000A', { kind: 'id', id: '0198f1f0-0000-7000-8000-00000000000a' }],
    ['team:v1', { kind: 'tag', repository: 'team', tag: 'v1' }],
    ['a/b/c:V_1.0', { kind: 'tag', repository: 'a/b/c', tag: 'V_1.0' }],
    ['localhost:8000/a/b:v', { kind: 'tag', host: 'localhost:8000', repository: 'a/b', tag: 'v' }],
    ['localhost/a:v', { kind: 'tag', host: 'localhost', repository: 'a', tag: 'v' }],
    ['store.example/a:v', { kind: 'tag', host: 'store.example', repository: 'a', tag: 'v' }],
    ['[::1]:8000/a:v', { kind: 'tag', host: '[::1]:8000', repository: 'a', tag: 'v' }],
    [`a/b@${digest}`, { kind: 'digest', repository: 'a/b', digest }],
    [`h:1/a/b:tag@${digest}`, { kind: 'digest', host: 'h:1', repository: 'a/b', digest }],
  ])('%s', (text, parsed) => {
    expect(parsePackageReference(text)).toEqual(parsed)
  })
})

describe('metadata', () => {
  test.each(['novalue', '=x', '@missing.json', '@list.json', '@bad.json'])('%s is refused', (given) => {
    writeFileSync(join(folder, 'list.json'), '[1]')
    writeFileSync(join(folder, 'bad.json'), '{')
    expect(() => parseMetadata([given], folder)).toThrow(CliError)
  })

  test('pairs are text, files are JSON, later ones win', () => {
    writeFileSync(join(folder, 'm.json'), '{"n": 1, "a": {"b": true}, "x": "file"}')
    const metadata = parseMetadata(['x=1', '@m.json', 'y=a=b', 'e=', '__proto__=p'], folder)
    expect(JSON.stringify(metadata)).toBe('{"x":"file","n":1,"a":{"b":true},"y":"a=b","e":"","__proto__":"p"}')
  })
})

describe('text for terminals', () => {
  test('control, bidirectional and line-separating characters become visible', () => {
    expect(printable('a\u001b[31mb\r\n\u0007\u009b\u202e\u2028\ud800')).toBe(
      'a\\x1b[31mb\\x0d\\x0a\\x07\\x9b\\u{202e}\\u{2028}\ufffd',
    )
    expect(printable('plain ä 日本 😀')).toBe('plain ä 日本 😀')
  })

  test('tables fit the width and keep their columns apart', () => {
    const rows = [
      ['1', 'a\u001b[2J', 'x'.repeat(60)],
      ['22', '日本', 'y'],
    ]
    expect(formatTable(['ID', 'NAME', 'LONG'], rows)).toBe(
      [`ID  NAME      LONG`, `1   a\\x1b[2J  ${'x'.repeat(60)}`, `22  日本      y`].join('\n'),
    )
    const lines = formatTable(['ID', 'NAME', 'LONG'], rows, 40).split('\n')
    expect(lines[1]).toBe(`1   a\\x1b[2J  ${'x'.repeat(25)}…`)
  })

  test('sizes and durations', () => {
    expect([0, 1023, 1024, 1536, 150 * 1024, 2 ** 31, 2 ** 60].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '150 KiB',
      '2.0 GiB',
      '1024 PiB',
    ])
    expect([0, 59.4, 61, 3725].map(formatDuration)).toEqual(['0s', '59s', '1m01s', '1h02m'])
  })
})

describe('tokens', () => {
  const local = 'http://127.0.0.1:8000'
  const settings = (more: Partial<ClientSettings> = {}): ClientSettings => ({
    apiUrl: local,
    tokenFile: join(folder, 'artifactstore.token'),
    configFolder: join(folder, 'config'),
    stateFolder: join(folder, 'state'),
    color: false,
    ...more,
  })

  test('the first of option, environment, login and local file', () => {
    expect(findToken(settings(), local, undefined)).toBeUndefined()
    writeFileSync(settings().tokenFile, 'from-file\n')
    expect(findToken(settings(), local, undefined)).toBe('from-file')
    storeToken(settings(), local, 'from-login')
    expect(findToken(settings(), local, undefined)).toBe('from-login')
    expect(findToken(settings({ apiToken: 'from-env' }), local, undefined)).toBe('from-env')
    expect(findToken(settings({ apiToken: 'from-env' }), local, 'from-option')).toBe('from-option')
  })

  test.each(['https://store.example', 'http://10.0.0.1:8000', 'http://127.0.0.1.example'])(
    'the local file is not for %s',
    (url) => {
      writeFileSync(settings().tokenFile, 'local\n')
      expect(findToken(settings(), url, undefined)).toBeUndefined()
    },
  )

  test('login keeps one token an API URL, readable by its owner only', () => {
    const file = storeToken(settings(), local, 'a')
    storeToken(settings(), 'https://store.example', 'b')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'config')).mode & 0o777).toBe(0o700)
    expect(removeToken(settings(), local)).toBe(true)
    expect(removeToken(settings(), local)).toBe(false)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ tokens: { 'https://store.example': 'b' } })
  })

  test('a damaged credentials file is said, not overwritten', () => {
    const file = storeToken(settings(), local, 'a')
    writeFileSync(file, '{')
    expect(() => storeToken(settings(), local, 'b')).toThrow(/not a credentials file/)
    expect(readFileSync(file, 'utf8')).toBe('{')
  })
})

describe('parallel work', () => {
  test('the first failure starts nothing more and waits for what runs', async () => {
    const started: number[] = []
    const ended: number[] = []
    const work = eachParallel([0, 1, 2, 3, 4, 5], 2, async (member) => {
      started.push(member)
      if (member === 1) throw new Error('one')
      await new Promise((resolve) => setTimeout(resolve, 5))
      ended.push(member)
    })
    await expect(work).rejects.toThrow('one')
    expect(started).toEqual([0, 1])
    expect(ended).toEqual([0])
  })

  test('never more than the width at once', async () => {
    let running = 0
    let most = 0
    await eachParallel(Array.from({ length: 20 }), 3, async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
    })
    expect(most).toBe(3)
  })
})

test('an outage is waited for as long as the server asks and the policy allows, and told once', async () => {
  const slept: number[] = []
  const told: string[] = []
  const policy = {
    delays: [100, 200, 300],
    sleep: async (milliseconds: number) => void slept.push(milliseconds),
    onOutage: (reason: string) => void told.push(reason),
  }
  let tries = 0
  const attempt = async () => {
    tries += 1
    throw new Error(`try ${tries}`)
  }
  const outage = () => ({ reason: 'ECONNREFUSED', waitMilliseconds: tries === 2 ? 1_000 : 0 })
  await expect(withRetry(policy, attempt, outage)).rejects.toThrow('try 4')
  expect(slept).toEqual([100, 1_000, 300])
  expect(told).toEqual(['ECONNREFUSED'])
  await expect(withRetry(policy, attempt, () => undefined)).rejects.toThrow('try 5')
})
