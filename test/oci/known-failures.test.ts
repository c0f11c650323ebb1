/**
 * What other registries were found to do wrong, most of it in 2026, each as a test of its own: the name of the project
 * and its issue stands with it.
 */
import { readdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, imageManifest, OCI_INDEX, OCI_MANIFEST, openDoor, sha256 } from './oci-fixture.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door[Symbol.asyncDispose]())

/** All pages, by the Links that the server gives. */
async function walk(path: string, key: 'tags' | 'repositories'): Promise<string[]> {
  const found: string[] = []
  for (let next: string | undefined = path; next; ) {
    const { json, headers } = await door.send('GET', next)
    found.push(...((json as Record<string, string[]>)[key] ?? []))
    next = /^<([^>]+)>/.exec(headers.get('link') ?? '')?.[1]
    if (found.length > 1_000) throw new Error('the pages do not end')
  }
  return found
}

const byBytes = (names: Iterable<string>) => [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

describe('pages drop no name that begins like another (distribution #4898, #4904)', () => {
  const piece = fc.constantFrom('a', 'b', '-', '--', '.', '_', '0', 'A', 'aa', 'a-', 'z')
  const tag = fc
    .array(piece, { minLength: 1, maxLength: 5 })
    .map((pieces) => pieces.join(''))
    .filter((text) => /^\w[\w.-]*$/.test(text))

  test('of tags', async () => {
    let count = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tag, { minLength: 1, maxLength: 14 }),
        fc.integer({ min: 1, max: 5 }),
        async (tags, n) => {
          count += 1
          const name = `tags/r${count}`
          await door.putBlob(name, '{}')
          const body = JSON.stringify(imageManifest())
          const query = tags.map((each) => `tag=${each}`).join('&')
          const headers = { 'content-type': OCI_MANIFEST }
          expect(
            (await door.send('PUT', `/v2/${name}/manifests/${sha256(body)}?${query}`, { body, headers })).status,
          ).toBe(201)
          expect(await walk(`/v2/${name}/tags/list?n=${n}`, 'tags')).toEqual(byBytes(tags))
        },
      ),
      { numRuns: 25 },
    )
  })

  test('of repositories', async () => {
    const names = [
      'p',
      'p-a',
      'p/a',
      'p/a-b',
      'p/a.b',
      'p/a/b',
      'p/a/b/c',
      'p/a0',
      'p/a_b',
      'p/a__b',
      'p/aa',
      'p0',
      'pa',
      'p.a',
      'p-a/b',
    ]
    for (const name of names) {
      await door.putBlob(name, '{}')
      await door.putManifest(name, imageManifest(), 'v1')
    }
    const all = (await walk('/v2/_catalog', 'repositories')).filter((name) => names.includes(name))
    expect(all).toEqual(byBytes(names))
    for (const n of [1, 2, 3, 7]) {
      const paged = await walk(`/v2/_catalog?n=${n}`, 'repositories')
      expect([n, paged.filter((name) => names.includes(name))]).toEqual([n, byBytes(names)])
    }
    for (const last of names) {
      const { json } = await door.send('GET', `/v2/_catalog?last=${last}`)
      const after = (json as { repositories: string[] }).repositories.filter((name) => names.includes(name))
      expect([last, after]).toEqual([last, byBytes(names).slice(byBytes(names).indexOf(last) + 1)])
    }
  })
})

test.each([
  ['gone', rm],
  ['empty', truncate],
] as const)('no 200 stands for bytes that are %s (zot #4427, distribution #4489)', async (_how, spoil) => {
  await using own = await openDoor()
  const digest = await own.putBlob('team/app', 'the bytes')
  if (own.location.kind !== 'sqlite') throw new Error('the fixture is on SQLite')
  const root = own.location.path.replace(/registry\.db$/, 'storage/blake3')
  const stored = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  expect(stored).toHaveLength(1)
  for (const { parentPath, name } of stored) await spoil(join(parentPath, name))
  const whole = await own.send('GET', `/v2/team/app/blobs/${digest}`)
  expect([whole.status, whole.code]).toEqual([500, 'UNKNOWN'])
  const part = await own.send('GET', `/v2/team/app/blobs/${digest}`, { headers: { range: 'bytes=0-3' } })
  expect(part.status).toBeGreaterThanOrEqual(400)
  // A client that looks first is to push again, which heals.
  expect((await own.send('HEAD', `/v2/team/app/blobs/${digest}`)).status).toBe(404)
  await own.putBlob('team/app', 'the bytes')
  expect((await own.send('GET', `/v2/team/app/blobs/${digest}`)).bytes.toString()).toBe('the bytes')
})

test('an upload that starts again from the first byte goes on where it was, and is not refused for good (zot, apple/container #1895)', async () => {
  const location = (await door.send('POST', '/v2/team/app/blobs/uploads/')).headers.get('location')!
  await door.send('PATCH', location, { body: 'abc', headers: { 'content-range': '0-2' } })
  const again = await door.send('PATCH', location, { body: 'abc', headers: { 'content-range': '0-2' } })
  expect([again.status, again.headers.get('range'), again.headers.get('location')]).toEqual([416, '0-2', location])
  expect((await door.send('PUT', `${location}?digest=${sha256('abc')}`)).status).toBe(201)
})

test('a document that is both an image and an index is refused (CVE-2021-41190)', async () => {
  await door.putBlob('team/app', '{}')
  const both = { ...imageManifest(), manifests: [] }
  for (const type of [OCI_MANIFEST, OCI_INDEX]) {
    const body = JSON.stringify(both)
    const answer = await door.send('PUT', '/v2/team/app/manifests/both', { body, headers: { 'content-type': type } })
    expect([answer.status, answer.code]).toEqual([400, 'MANIFEST_INVALID'])
  }
  const body = JSON.stringify(imageManifest())
  const lie = await door.send('PUT', '/v2/team/app/manifests/lie', { body, headers: { 'content-type': OCI_INDEX } })
  expect([lie.status, lie.code]).toEqual([400, 'MANIFEST_INVALID'])
})

test('the token realm is this server whatever a request says, so that no client sends its secret elsewhere (GHSA-78h6-3wp8-2542)', async () => {
  const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example', 'x-forwarded-proto': 'https' }
  const answer = await door.send('GET', '/v2/', { token: null, headers })
  expect(answer.headers.get('www-authenticate')).toContain(`realm="http://127.0.0.1:${door.port}/token"`)
})

test('Location is never another host, scheme or port (GHSA-jxpm-75mh-9fp7)', async () => {
  const begun = await door.send('POST', '/v2/team/app/blobs/uploads/')
  const blob = await door.send('POST', `/v2/team/app/blobs/uploads/?digest=${sha256('x')}`, { body: 'x' })
  for (const answer of [begun, blob]) expect(answer.headers.get('location')).toMatch(/^\/v2\/team\/app\/blobs\//)
})

test('HEAD, GET and ranges are gated alike (NORA GHSA-4j4m-fchf-gr9r)', async () => {
  const digest = await door.putBlob('team/app', 'guarded')
  for (const method of ['HEAD', 'GET'])
    for (const headers of [{}, { range: 'bytes=0-1' }, { 'if-none-match': `"${digest}"` }, { 'if-none-match': '*' }]) {
      const sent = { headers: headers as Record<string, string>, token: null }
      expect((await door.send(method, `/v2/team/app/blobs/${digest}`, sent)).status).toBe(401)
    }
})

test('not-modified tells nobody of a blob that the repository does not hold', async () => {
  const digest = await door.putBlob('team/app', 'elsewhere')
  const headers = { 'if-none-match': '*' }
  expect((await door.send('GET', `/v2/team/other/blobs/${digest}`, { headers })).status).toBe(404)
})
