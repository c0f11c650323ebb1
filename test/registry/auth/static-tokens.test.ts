import { describe, expect, test } from 'vitest'
import { isReservedName, jobIdentity } from '../../../src/registry/auth/identity.ts'
import { createStaticTokens } from '../../../src/registry/auth/static-tokens.ts'

describe('entries of the configuration', () => {
  test.each([
    '',
    'ci:',
    ':secret',
    'anonymous:secret',
    'local:secret',
    'a b:secret',
    'ci:se cret',
    'ci:sécret',
    'x'.repeat(257),
  ])('%j is refused', (entry) => {
    expect(() => createStaticTokens([entry])).toThrow(RangeError)
  })

  test('the same token or the same name twice is refused, all problems at once and without the secrets', () => {
    const entries = ['ci:hunter2', 'cd:hunter2', 'ci:hunter3']
    expect(() => createStaticTokens(entries)).toThrow(
      "token 2: another entry has the same token; token 3: another entry is named 'ci'",
    )
    expect(() => createStaticTokens(entries)).not.toThrow(/hunter/)
  })
})

describe('identities', () => {
  test('a secret that is not a token is nobody, however close it is', () => {
    const tokens = createStaticTokens(['ci:hunter2', 'plain'])
    for (const secret of ['', '\0', 'hunter', 'hunter22', 'hunter2\u00e9', 'ci:hunter2', 'PLAIN', 'x'.repeat(257)])
      expect(tokens.identify(secret)).toBeUndefined()
    expect(createStaticTokens([]).identify('')).toBeUndefined()
  })

  test('a named token is called by its name and may contain colons', () => {
    expect(createStaticTokens(['ci:a:b:c']).identify('a:b:c')).toEqual({ name: 'ci', kind: 'static', fingerprint: '' })
  })

  test('an unnamed token is called by the head of its hash, which no name can imitate', () => {
    expect(createStaticTokens(['abc']).identify('abc')).toEqual({
      name: 'token:ba7816bf',
      kind: 'static',
      fingerprint: '',
    })
    expect(isReservedName('token:ba7816bf')).toBe(true)
  })

  test('fixed names cannot be taken by a token', () => {
    for (const name of ['anonymous', 'local', jobIdentity('sweep').name]) expect(isReservedName(name)).toBe(true)
    expect(isReservedName('sweeper')).toBe(false)
  })
})
