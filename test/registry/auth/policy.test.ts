/** The decision, and the patterns and scopes that it is made of. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ACTIONS } from '../../../src/registry/auth/actions.ts'
import { ANONYMOUS, type Identity, LOCAL } from '../../../src/registry/auth/identity.ts'
import {
  type AccessRule,
  authorize,
  EVERYTHING,
  mayGrant,
  type Policy,
  SOMEWHERE,
} from '../../../src/registry/auth/policy.ts'
import {
  coversPattern,
  literalPrefix,
  matchesRepository,
  parseRepositoryPattern,
  type RepositoryPattern,
} from '../../../src/registry/auth/repository-pattern.ts'
import { parseRequestedScopes, parseTokenScope, type TokenScope } from '../../../src/registry/auth/scope.ts'

const pattern = (text: string) => parseRepositoryPattern(text) as RepositoryPattern
const scope = (text: string) => parseTokenScope(text) as TokenScope

describe('patterns of repositories', () => {
  test.each(['', 'Team', 'a//b', '/a', 'a/***', 'a/b**', '**a/b', 'a b', 'é', 'a'.repeat(256)])(
    '%j is none',
    (text) => {
      expect(parseRepositoryPattern(text)).toHaveProperty('problem')
    },
  )

  test.each([
    ['team/app', 'team/app', 'team/app/x team app'],
    ['team/*', 'team/app team/x.y', 'team team/app/x other/app'],
    ['team/**', 'team team/app team/a/b/c', 'teams teamx/app'],
    ['team/', 'team team/app team/a/b', 'teams'],
    ['**', 'a a/b/c', ''],
    ['**/ui', 'ui a/ui a/b/ui', 'ui/x a/uii'],
    ['a/**/z', 'a/z a/b/z a/b/c/z', 'a z a/b'],
    ['*-dev/a*c', 'x-dev/abc -dev/ac', 'x-dev/abcd x/abc'],
  ])('%s', (text, inside, outside) => {
    for (const name of inside.split(' ')) expect([name, matchesRepository(pattern(text), name)]).toEqual([name, true])
    for (const name of outside.split(' ').filter(Boolean)) {
      expect([name, matchesRepository(pattern(text), name)]).toEqual([name, false])
    }
  })

  test('a hostile pattern takes no longer than its length times that of the name', () => {
    const hostile = pattern(`${'*a'.repeat(100)}b`)
    const started = performance.now()
    expect(matchesRepository(hostile, 'a'.repeat(250))).toBe(false)
    expect(performance.now() - started).toBeLessThan(200)
  })

  const segment = fc.constantFrom('a', 'b', 'ab', '*', 'a*', '**')
  const patterns = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => pattern(parts.join('/')))
  const names = fc.array(fc.constantFrom('a', 'b', 'ab', 'abc'), { minLength: 1, maxLength: 4 }).map((p) => p.join('/'))

  test('what one pattern covers of another, it matches', () => {
    fc.assert(
      fc.property(patterns, patterns, names, (outer, inner, name) => {
        if (coversPattern(outer, inner) && matchesRepository(inner, name)) return matchesRepository(outer, name)
        return true
      }),
      { numRuns: 20_000 },
    )
  })

  test('folders, which have a way of their own, match as the general way has it', () => {
    fc.assert(
      fc.property(patterns, names, (each, name) => {
        // The same pattern in a form that only the general way takes.
        const general = each
          .split('/')
          .map((part) => (part === '**' ? '**/**' : part))
          .join('/')
        return matchesRepository(each, name) === matchesRepository(pattern(general), name) || general === each
      }),
      { numRuns: 20_000 },
    )
  })

  test('every name that matches begins with the literal prefix', () => {
    fc.assert(
      fc.property(
        patterns,
        names,
        (each, name) => !matchesRepository(each, name) || name.startsWith(literalPrefix(each)),
      ),
    )
  })
})

describe('scopes', () => {
  test.each([
    ['team/*:pull', 'is no scope'],
    ['registry:catalog:*', 'is no scope'],
    ['repository:Team:pull', 'has a bad pattern'],
    ['repository:team/*:fly', "names the action 'fly'"],
    ['repository:team/*:', "names the action ''"],
  ])('%j of a token is refused', (text, says) => {
    expect(parseTokenScope(text)).toEqual({ problem: expect.stringContaining(says) })
  })

  test('of a request: several in one text, names with ports, foreign types and unknown actions left out', () => {
    const asked = [
      'repository:a/b:pull,push registry:catalog:*',
      'repository:host:5000/c:pull,fly',
      'repository(plugin):d:*',
      'nonsense',
    ]
    expect(parseRequestedScopes(asked)).toEqual([
      { repository: 'a/b', actions: ['pull', 'push'] },
      { repository: 'host:5000/c', actions: ['pull'] },
      { repository: 'd', actions: ['*'] },
    ])
  })
})

const rule = (
  identities: string[],
  repositories: string[],
  allow: AccessRule['allow'],
  origin = 'rule',
): AccessRule => ({
  identities,
  repositories: repositories.map(pattern),
  allow,
  origin,
})
const CI: Identity = { name: 'ci', kind: 'static' }
const ALICE: Identity = { name: 'alice', kind: 'user' }
const TOKEN: Identity = { name: 'token:1', kind: 'issued', tokenId: '1', scopes: [scope('repository:team/*:push')] }

describe('the decision', () => {
  const policy: Policy = {
    rules: [
      rule(['anonymous'], ['public/**'], ['pull'], 'first'),
      rule(['ci'], ['team/**'], ['pull', 'push'], 'second'),
      rule(['@users'], ['team/app'], ['audit'], 'third'),
      rule(['*'], ['shared'], ['pull'], 'fourth'),
    ],
  }
  const may = (identity: Identity, action: (typeof ACTIONS)[number], on: string) =>
    authorize(policy, identity, action, on).by ?? 'no'

  test('nothing is allowed that no rule allows, whatever the action', () => {
    for (const action of ACTIONS) {
      expect(may(CI, action, 'other')).toBe('no')
      expect(authorize({ rules: [] }, ALICE, action, 'x').allowed).toBe(false)
    }
  })

  test.each([
    [CI, 'push', 'team/app', 'second'],
    [CI, 'delete', 'team/app', 'no'],
    [CI, 'hold', 'team/app', 'no'],
    [CI, 'pull', 'public/x', 'first'],
    [CI, 'pull', 'shared', 'fourth'],
    [ALICE, 'pull', 'team/app', 'third'],
    [ALICE, 'push', 'team/app', 'no'],
    [ALICE, 'audit', 'team/other', 'no'],
    [ANONYMOUS, 'pull', 'public/x', 'first'],
    [ANONYMOUS, 'pull', 'shared', 'no'],
    [ANONYMOUS, 'push', 'public/x', 'no'],
    [TOKEN, 'push', 'team/app', "the scope 'repository:team/*:push' of token 1"],
    [TOKEN, 'push', 'team/a/b', 'no'],
    [TOKEN, 'pull', 'team/app', 'no'],
    [TOKEN, 'pull', 'shared', 'no'],
    [TOKEN, 'pull', 'public/x', 'first'],
    [CI, 'push', SOMEWHERE, 'second'],
    [CI, 'delete', SOMEWHERE, 'no'],
    [CI, 'pull', EVERYTHING, 'no'],
    [LOCAL, 'collect', EVERYTHING, 'whoever can open the database itself may do everything'],
  ] as const)('%o %s %s', (identity, action, on, by) => {
    expect(may(identity, action, on)).toBe(by)
  })

  test('a user is not a token of the same name', () => {
    const named: Policy = { rules: [rule(['@tokens'], ['**'], ['push'])] }
    expect(authorize(named, { name: 'ci', kind: 'user' }, 'push', 'a').allowed).toBe(false)
  })

  test('rights are handed on only by who administers and has them, within the same repositories', () => {
    const admin: Policy = { rules: [rule(['ci'], ['team/**'], ['admin', 'pull', 'push'])] }
    expect(mayGrant(admin, CI, scope('repository:team/app:pull'))).toBe(true)
    expect(mayGrant(admin, CI, scope('repository:team/*:pull,push'))).toBe(true)
    for (const text of [
      'repository:team/app:delete',
      'repository:**:pull',
      'repository:other:pull',
      'repository:*/app:pull',
    ]) {
      expect([text, mayGrant(admin, CI, scope(text))]).toEqual([text, false])
    }
    expect(mayGrant(policy, CI, scope('repository:team/app:pull'))).toBe(false)
  })
})
