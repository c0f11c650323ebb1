import { describe, expect, test } from 'vitest'
import { type Access, credentialOf, type Endpoint, EVERYTHING, SOMEWHERE } from '../../src/http/index.ts'
import { EVERYTHING as DOMAIN_EVERYTHING, SOMEWHERE as DOMAIN_SOMEWHERE } from '../../src/registry/index.ts'
import { READ, serve, WRITE } from './http-fixture.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test.each(['Bearer', 'Bearer ', 'Digest x', 'x', basic('no-colon'), basic('u:')])(
  'the header %j is no credential that can be read',
  (header) => {
    expect(credentialOf(header)).toEqual({ kind: 'unreadable' })
  },
)

test('no header, and Basic without user and password, is no credential', () => {
  for (const header of [undefined, basic(':')]) expect(credentialOf(header)).toEqual({ kind: 'none' })
})

test('the secret comes as a bearer token, the password may contain colons', () => {
  expect(credentialOf('bearer  good')).toEqual({ kind: 'bearer', secret: 'good' })
  expect(credentialOf(basic('u:s3cret:with:colons'))).toEqual({
    kind: 'basic',
    user: 'u',
    password: 's3cret:with:colons',
  })
})

test('everything and somewhere are called the same by HTTP and by the domain, which know nothing of each other', () => {
  expect([EVERYTHING, SOMEWHERE]).toEqual([DOMAIN_EVERYTHING, DOMAIN_SOMEWHERE])
})

describe('what a route needs', () => {
  const row = (access: Access): Endpoint => ({
    method: 'get',
    path: '/thing',
    access,
    handle: async ({ identity }) => ({ status: 200, body: identity.name }),
  })
  const ask = async (access: Access, authorization?: string, anonymousRead = false) => {
    await using fixture = await serve([row(access)], { anonymousRead })
    const answer = await fetch(`${fixture.url}/thing`, authorization ? { headers: { authorization } } : {})
    const text = await answer.text()
    return [answer.status, answer.status === 200 ? text : (JSON.parse(text) as { code: string }).code]
  }

  test.each([
    ['nothing, an open route', 'open', undefined, [200, 'anonymous']],
    ['nothing, with a wrong credential', 'open', 'Bearer bad', [200, 'anonymous']],
    ['a valid credential where one comes', 'identified', 'Bearer bad', [401, 'credentials-invalid']],
    ['none at all is fine there', 'identified', undefined, [200, 'anonymous']],
    ['a right that a stranger lacks', READ, undefined, [401, 'credentials-missing']],
    ['a right that the identity has', READ, 'Bearer reader-token', [200, 'reader']],
    ['a right that the identity lacks', WRITE, 'Bearer reader-token', [403, 'access-denied']],
    ['more than the token was asked for', WRITE, 'Bearer narrow-token', [401, 'scope-insufficient']],
    ['a guess too many', READ, 'Bearer tired-token', [429, 'attempts-exceeded']],
  ] as const)('%s', async (_what, access, authorization, expected) => {
    expect(await ask(access, authorization)).toEqual(expected)
  })

  test('a wrong credential is refused even where anonymous readers are welcome', async () => {
    expect(await ask(READ, undefined, true)).toEqual([200, 'anonymous'])
    expect(await ask(READ, 'Bearer bad', true)).toEqual([401, 'credentials-invalid'])
  })

  test('a name that does not parse is told to those who may read something, to nobody else', async () => {
    const broken: Access = () => {
      throw new SyntaxError('no name')
    }
    expect(await ask(broken)).toEqual([401, 'credentials-missing'])
    await using fixture = await serve([row(broken)], {})
    const answer = await fetch(`${fixture.url}/thing`, { headers: { authorization: 'Bearer reader-token' } })
    await answer.text()
    expect(fixture.lines.map(({ fields }) => (fields.err as Error).message)).toEqual(['no name'])
  })
})
