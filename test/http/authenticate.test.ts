import { expect, test } from 'vitest'
import { createAuthenticator } from '../../src/http/index.ts'

const tester = { name: 'tester', kind: 'token' } as const
const anonymous = { name: 'anonymous', kind: 'anonymous' }
const identify = (secret: string) => (secret === 's3cret:with:colons' || secret === 'good' ? tester : undefined)
const closed = createAuthenticator({ identify, anonymousRead: false })
const open = createAuthenticator({ identify, anonymousRead: true })
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test('without a credential only anonymous routes answer, and reads where they are open', () => {
  expect([closed(undefined, 'write'), closed(undefined, 'read'), open(undefined, 'write')]).toEqual(
    Array(3).fill('missing'),
  )
  expect([closed(undefined, 'anonymous'), open(undefined, 'read')]).toEqual([anonymous, anonymous])
})

test('a wrong or unreadable credential is invalid even where anonymous readers are welcome', () => {
  for (const header of [
    'Bearer bad',
    'Bearer',
    'Bearer ',
    'Digest x',
    basic('u:bad'),
    basic('no-colon'),
    basic('u:'),
  ]) {
    expect([header, open(header, 'read')]).toEqual([header, 'invalid'])
  }
})

test('a wrong credential does not close an anonymous route', () => {
  expect(closed('Bearer bad', 'anonymous')).toEqual(anonymous)
  expect(closed('Bearer good', 'anonymous')).toEqual(tester)
})

test('a Basic credential without user and password is anonymous', () => {
  expect(closed(basic(':'), 'read')).toBe('missing')
  expect(open(basic(':'), 'read')).toEqual(anonymous)
})

test('the secret comes as a bearer token or as the Basic password of any user', () => {
  for (const header of [
    'Bearer good',
    'bearer  good',
    basic('anyone:good'),
    basic(':good'),
    basic('u:s3cret:with:colons'),
  ]) {
    expect([header, closed(header, 'write')]).toEqual([header, tester])
  }
})
