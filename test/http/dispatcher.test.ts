/** The dispatcher answers what Express would: the same row, the same parameters, for every method and path. */
import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../../src/http/index.ts'
import { Choices } from '../support/choices.ts'
import { serve } from './http-fixture.ts'

const AUTHORIZED = { Authorization: 'Bearer good-token' }
/** The shapes of the OCI table, in its order. */
const ROWS: readonly (readonly [Endpoint['method'], string])[] = [
  ['get', '/v2'],
  ['get', '/v2/_catalog'],
  ['post', '/v2/*name/blobs/uploads'],
  ['get', '/v2/*name/blobs/uploads/:upload'],
  ['patch', '/v2/*name/blobs/uploads/:upload'],
  ['put', '/v2/*name/blobs/uploads/:upload'],
  ['delete', '/v2/*name/blobs/uploads/:upload'],
  ['head', '/v2/*name/blobs/:digest'],
  ['get', '/v2/*name/blobs/:digest'],
  ['delete', '/v2/*name/blobs/:digest'],
  ['get', '/v2/*name/manifests/:reference'],
  ['put', '/v2/*name/manifests/:reference'],
  ['get', '/v2/*name/tags/list'],
  ['get', '/v2/*name/referrers/:digest'],
]
const SEGMENTS = ['v2', 'a', 'b', 'blobs', 'uploads', 'manifests', 'tags', 'list', 'referrers', '_catalog', 'x', '']

/** Of paths that a row takes, where the name before them is one. */
const ENDS = [
  ['blobs', 'uploads'],
  ['blobs', 'uploads', 'x'],
  ['blobs', 'x'],
  ['manifests', 'x'],
  ['tags', 'list'],
]

function endpoints(): Endpoint[] {
  return ROWS.map(([method, path]) => ({
    method,
    path,
    access: 'identified',
    handle: async ({ params }) => ({
      status: 200,
      headers: { 'X-Row': `${method} ${path}`, 'X-Params': JSON.stringify(params) },
    }),
  }))
}

describe('a dispatcher before Express', () => {
  test('answers 1,500 requests of any method and path as Express alone does', async () => {
    await using plain = await serve(endpoints(), { prefix: '/v2' })
    await using hot = await serve(endpoints(), { prefix: '/v2', hot: true })
    const choices = new Choices(20_261_125)
    const rows = new Set<string>()
    for (let n = 0; n < 1_500; n += 1) {
      const method = choices.of(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      const segments = Array.from({ length: 1 + choices.below(4) }, () => choices.of(SEGMENTS))
      if (choices.chance(60)) segments.push(...choices.of(ENDS))
      const query = choices.of(['', '', '?a=/b/manifests/c'])
      const path = `/v2/${segments.join('/')}${choices.of(['', '', '/'])}${query}`
      const [expected, got] = await Promise.all([ask(plain.url, method, path), ask(hot.url, method, path)])
      expect(got, `${method} ${path}`).toEqual(expected)
      if (got.row) rows.add(got.row)
    }
    // Or the paths would not have met the rows that this is about.
    expect(rows.size).toBeGreaterThan(ROWS.length - 3)
  })
})

async function ask(url: string, method: string, path: string) {
  const answer = await fetch(url + path, { method, headers: AUTHORIZED })
  await answer.arrayBuffer()
  const { headers, status } = answer
  return { status, row: headers.get('x-row'), params: headers.get('x-params'), allow: headers.get('allow') }
}
