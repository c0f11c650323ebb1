import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FinalizedJson, PackageJson, PackagePageJson } from '../../src/native-api/wire.ts'
import { decodeManifest } from '../../src/registry/index.ts'
import { type Door, NEW_PACKAGE, OTHER_TOKEN, openDoor } from './native-fixture.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

async function countPackages(): Promise<number> {
  const { json } = await door.send('GET', '/packages?limit=1000')
  return (json as PackagePageJson).packages.length
}

describe('a package that cannot be opened', () => {
  const refusals: [string, unknown, string, string | undefined, RegExp][] = [
    ['lacks its name', { ...NEW_PACKAGE, name: undefined }, 'field-invalid', 'name', /missing/],
    ['has an empty producer', { ...NEW_PACKAGE, producer: '' }, 'field-invalid', 'producer', /character/],
    ['has a number for a subject', { ...NEW_PACKAGE, subject: 7 }, 'field-invalid', 'subject', /string/],
    [
      'has a field nobody knows',
      { ...NEW_PACKAGE, colour: 'red' },
      'field-invalid',
      'colour',
      /known are name, producer/,
    ],
    [
      'names an unknown class',
      { ...NEW_PACKAGE, retention_class: 'for-ever' },
      'retention-class-unknown',
      'retention_class',
      /raw-evidence/,
    ],
    ['has a producer with a slash', { ...NEW_PACKAGE, producer: 'a/b' }, 'field-invalid', 'producer', /./],
    ['has metadata that is no object', { ...NEW_PACKAGE, metadata: [1] }, 'field-invalid', 'metadata', /object/],
    [
      'has an integer no reader agrees on',
      { ...NEW_PACKAGE, metadata: { n: 2 ** 60 } },
      'metadata-invalid',
      '/metadata/n',
      /integer/,
    ],
    [
      'has a lone surrogate in metadata',
      { ...NEW_PACKAGE, metadata: { s: '\ud800' } },
      'metadata-invalid',
      '/metadata/s',
      /surrogate/,
    ],
  ]
  it.each(refusals)('%s', async (_name, json, code, field, detail) => {
    const before = await countPackages()
    const problem = await door.refusal('POST', '/packages', { json })
    expect(problem).toMatchObject({ code, status: 400 })
    expect(problem.field).toBe(field)
    expect(problem.detail).toMatch(detail)
    expect(await countPackages()).toBe(before)
  })

  const texts: [string, string, RegExp][] = [
    ['broken JSON, and says where', '{\n  "name": "x",\n  oops\n}', /line 3, column 3/],
    ['JSON that stops', '{"name": "x"', /line 1/],
    ['nothing at all', '', /line 1, column 1/],
    ['a name that stands twice', '{"name":"a","name":"b"}', /twice/],
    [
      'a metadata key that stands twice',
      JSON.stringify({ ...NEW_PACKAGE, metadata: 0 }).replace('0}', '{"a":1,"a":2}}'),
      /\/metadata\/a/,
    ],
    ['nesting without end', `{"metadata":${'['.repeat(5000)}${']'.repeat(5000)}}`, /nested/],
  ]
  it.each(texts)('comes as %s', async (_name, body, detail) => {
    const problem = await door.refusal('POST', '/packages', { body, headers: { 'content-type': 'application/json' } })
    expect(problem).toMatchObject({ code: 'json-invalid', status: 400 })
    expect(problem.detail).toMatch(detail)
  })

  it('comes as bytes that are not UTF-8', async () => {
    const headers = { 'content-type': 'application/json' }
    const problem = await door.refusal('POST', '/packages', { body: Buffer.from([0x22, 0xff, 0x22]), headers })
    expect(problem.code).toBe('json-invalid')
    expect(problem.detail).toMatch(/UTF-8/)
  })

  it('comes as a form instead of JSON', async () => {
    const { status, json, headers } = await door.send('POST', '/packages', {
      body: 'name=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(status).toBe(415)
    expect(headers.get('accept')).toBe('application/json')
    expect(json).toMatchObject({ field: 'Content-Type', context: { expected: 'application/json' } })
  })

  it('comes compressed', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const problem = await door.refusal('POST', '/packages', { body: 'x', headers })
    expect(problem).toMatchObject({ code: 'media-type-unsupported', field: 'Content-Encoding' })
  })

  it('is larger than a JSON body may be, also without an announced length', async () => {
    const body = ReadableStream.from([
      Buffer.alloc(900_000, ' '),
      Buffer.alloc(900_000, ' '),
    ]) as ReadableStream<Uint8Array>
    const problem = await door.refusal('POST', '/packages', { body, headers: { 'content-type': 'application/json' } })
    expect(problem).toMatchObject({ code: 'body-too-large', status: 413, context: { limit: 1_048_576 } })
  })

  it('has an idempotency key that is no text for a header', async () => {
    const headers = { 'idempotency-key': 'two words' }
    const problem = await door.refusal('POST', '/packages', { json: NEW_PACKAGE, headers })
    expect(problem).toMatchObject({ code: 'field-invalid', field: 'Idempotency-Key' })
  })

  it('uses an idempotency key for another request', async () => {
    const headers = { 'idempotency-key': 'reused' }
    await door.send('POST', '/packages', { json: { ...NEW_PACKAGE, name: 'first' }, headers })
    const json = { ...NEW_PACKAGE, name: 'second' }
    expect(await door.refusal('POST', '/packages', { json, headers })).toMatchObject({
      code: 'idempotency-key-reused',
      status: 422,
    })
  })

  it('maps to the repository of another producer and name', async () => {
    await door.newPackage({ producer: 'taken', name: 'a b' })
    const problem = await door.refusal('POST', '/packages', {
      json: { ...NEW_PACKAGE, producer: 'taken', name: 'a-b' },
    })
    expect(problem).toMatchObject({ code: 'repository-taken', status: 409 })
  })
})

describe('opening a package', () => {
  it('answers it with its path, and the events name who did it', async () => {
    const metadata = { run: 'nightly-42', ok: true, ratio: 0.5, ключ: null }
    const { status, json, headers } = await door.send('POST', '/packages', { json: { ...NEW_PACKAGE, metadata } })
    const made = json as PackageJson
    expect(status).toBe(201)
    expect(headers.get('location')).toBe(`/packages/${made.id}`)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(made).toMatchObject({ ...NEW_PACKAGE, metadata, origin: 'native', status: 'created', created_by: 'ci' })
    expect(made).toMatchObject({
      file_count: 0,
      total_size: 0,
      manifest_digest: null,
      oci: null,
      repository: 'ops/nightly',
    })
    expect((await door.send('GET', `/packages/${made.id}`)).json).toEqual(made)
  })

  it('twice with one idempotency key makes one package and says so', async () => {
    const headers = { 'idempotency-key': 'retry-1' }
    const first = await door.send('POST', '/packages', { json: NEW_PACKAGE, headers })
    const second = await door.send('POST', '/packages', { json: NEW_PACKAGE, headers })
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.json).toEqual(first.json)
    expect(second.headers.get('idempotency-replayed')).toBe('true')
  })

  it('keeps the idempotency keys of two identities apart', async () => {
    const headers = { 'idempotency-key': 'shared-word' }
    const mine = await door.send('POST', '/packages', { json: NEW_PACKAGE, headers })
    const theirs = await door.send('POST', '/packages', { json: NEW_PACKAGE, headers, token: OTHER_TOKEN })
    expect(theirs.status).toBe(201)
    expect((theirs.json as PackageJson).id).not.toBe((mine.json as PackageJson).id)
  })
})

describe('looking for packages', () => {
  const refusals: [string, string, string, RegExp][] = [
    ['a parameter nobody knows', 'color=red', 'color', /producer, subject.*metadata\.<key>/],
    ['metadata without a key', 'metadata=x', 'metadata', /metadata\.<key>/],
    ['a limit of none', 'limit=0', 'limit', /1 to 1000/],
    ['a limit that is no number', 'limit=ten', 'limit', /1 to 1000/],
    ['a limit over the maximum', 'limit=1001', 'limit', /1 to 1000/],
    ['an unknown status', 'status=lost', 'status', /created, finalized/],
    ['a local time', 'created_after=2026-01-01T00:00:00', 'created_after', /offset/],
    ['a parameter given twice', 'producer=a&producer=b', 'producer', /once/],
    ['an empty filter', 'producer=', 'producer', /empty/],
    ['a tag without its repository', 'tag=v1', 'repository', /repository/],
    ['a tag and a digest', `repository=a/b&tag=v1&digest=sha256:${'0'.repeat(64)}`, 'digest', /not both/],
  ]
  it.each(refusals)('with %s is refused', async (_name, query, field, detail) => {
    const problem = await door.refusal('GET', `/packages?${query}`)
    expect(problem).toMatchObject({ code: 'field-invalid', status: 400, field })
    expect(problem.detail).toMatch(detail)
  })

  it.each([
    ['repository=Upper/Case', 'name-invalid'],
    ['repository=a/b&tag=-', 'tag-invalid'],
    ['repository=a/b&digest=sha256:00', 'digest-invalid'],
    ['cursor=nonsense', 'cursor-unknown'],
  ])('%s is refused as %s', async (query, code) => {
    expect((await door.refusal('GET', `/packages?${query}`)).code).toBe(code)
  })

  it('finds by every filter, and by all of them together', async () => {
    const producer = 'filters'
    const wanted = await door.newPackage({ producer, name: 'wanted', subject: 's-1', metadata: { run: '7', ok: true } })
    await door.newPackage({ producer, name: 'other', subject: 's-2', metadata: { run: '8', ok: false } })
    const found = async (query: string) => {
      const { json } = await door.send('GET', `/packages?producer=${producer}&${query}`)
      return (json as PackagePageJson).packages.map(({ id }) => id)
    }
    const each = ['name=wanted', 'subject=s-1', 'metadata.run=7', 'metadata.ok=true', 'repository=filters/wanted']
    for (const query of [...each, each.join('&')]) expect(await found(query), query).toEqual([wanted.id])
    expect(await found('status=finalized')).toEqual([])
    expect(await found('created_before=2001-01-01T00:00:00%2B02:00')).toEqual([])
    expect(await found('retention_class=raw-evidence&created_after=2001-01-01T00:00:00Z')).toHaveLength(2)
  })

  it('pages through all of them, newest first, and ends with no cursor', async () => {
    const producer = 'pages'
    const made: string[] = []
    for (let n = 0; n < 5; n++) made.unshift((await door.newPackage({ producer, name: `n-${n}` })).id)
    const seen: string[] = []
    let cursor: string | null = ''
    for (let page = 0; cursor !== null && page < 10; page++) {
      const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const { json } = await door.send('GET', `/packages?producer=${producer}&limit=2${after}`)
      const { packages, next_cursor } = json as PackagePageJson
      seen.push(...packages.map(({ id }) => id))
      cursor = next_cursor
    }
    expect(seen).toEqual(made)
  })
})

describe('finalizing', () => {
  it('an empty package is refused and leaves it open', async () => {
    const { id } = await door.newPackage()
    expect(await door.refusal('POST', `/packages/${id}/finalize`)).toMatchObject({ code: 'package-empty', status: 409 })
    expect((await door.send('GET', `/packages/${id}`)).json).toMatchObject({ status: 'created' })
  })

  it('twice is refused the second time', async () => {
    const { id } = await door.finalized({ 'a.txt': 'a' })
    expect(await door.refusal('POST', `/packages/${id}/finalize`)).toMatchObject({
      code: 'package-finalized',
      status: 409,
    })
  })

  it('a package that does not exist is refused', async () => {
    expect((await door.refusal('POST', '/packages/nobody/finalize')).code).toBe('package-unknown')
  })

  it('answers the manifest digest and the reference that oras pulls, by the name the client used', async () => {
    const { id } = await door.newPackage({ producer: 'closing', name: 'it' })
    await door.addFile(id, 'a.txt', 'hello')
    const { json } = await door.send('POST', `/packages/${id}/finalize`)
    const closed = json as FinalizedJson
    expect(closed.package_id).toBe(id)
    expect(closed.manifest_digest).toMatch(/^blake3:/)
    expect(closed.package).toMatchObject({
      status: 'finalized',
      manifest_digest: closed.manifest_digest,
      file_count: 1,
    })
    expect(closed.oci).toMatchObject({ repository: 'closing/it', tags: [id] })
    expect(closed.oci?.reference).toBe(`127.0.0.1:${door.port}/closing/it:${id}`)
    expect((await door.send('GET', `/packages/${id}`)).json).toEqual(closed.package)
  })
})

describe('the manifest', () => {
  it('of an open package is refused', async () => {
    const { id } = await door.newPackage()
    for (const path of ['manifest', 'manifest.json']) {
      expect(await door.refusal('GET', `/packages/${id}/${path}`)).toMatchObject({
        code: 'package-not-finalized',
        status: 409,
      })
    }
  })

  it('as a page is not to be had', async () => {
    const { id } = await door.finalized({ 'a.txt': 'a' })
    const problem = await door.refusal('GET', `/packages/${id}/manifest`, { headers: { accept: 'text/html' } })
    expect(problem).toMatchObject({ code: 'not-acceptable', status: 406, field: 'Accept' })
  })

  it('is canonical CBOR under the digest that it is named by', async () => {
    const made = await door.finalized({ 'a.txt': 'a', 'b/c.txt': 'bc' })
    const { headers, bytes } = await door.send('GET', `/packages/${made.id}/manifest`)
    expect(headers.get('content-type')).toBe('application/vnd.artifactstore.package.manifest.v1+cbor')
    expect(headers.get('etag')).toBe(`"${made.manifest_digest}"`)
    expect(headers.get('cache-control')).toMatch(/immutable/)
    expect(decodeManifest(bytes).files.map((file) => file.relative_path)).toEqual(['a.txt', 'b/c.txt'])
    const asCbor = await door.send('GET', `/packages/${made.id}/manifest`, { headers: { accept: 'application/cbor' } })
    expect(asCbor.headers.get('content-type')).toBe('application/cbor')
    expect(asCbor.bytes).toEqual(bytes)
  })

  it('as JSON says the same, and is not sent twice', async () => {
    const made = await door.finalized({ 'a.txt': 'a' })
    const first = await door.send('GET', `/packages/${made.id}/manifest.json`)
    expect(first.json).toMatchObject({ files: [{ relative_path: 'a.txt' }] })
    const headers = { 'if-none-match': first.headers.get('etag')! }
    const again = await door.send('GET', `/packages/${made.id}/manifest.json`, { headers })
    expect([again.status, again.bytes.length]).toEqual([304, 0])
  })
})

describe('tags', () => {
  it('are refused when malformed, reserved, or for an open package', async () => {
    const { id } = await door.finalized({ 'a.txt': 'a' })
    const other = await door.finalized({ 'b.txt': 'b' })
    const draft = await door.newPackage()
    expect((await door.refusal('PUT', `/packages/${id}/tags/-bad`)).code).toBe('tag-invalid')
    expect(await door.refusal('PUT', `/packages/${id}/tags/${other.id}`)).toMatchObject({
      code: 'tag-reserved',
      status: 403,
    })
    expect(await door.refusal('DELETE', `/packages/${id}/tags/${id}`)).toMatchObject({
      code: 'tag-reserved',
      status: 403,
    })
    expect((await door.refusal('PUT', `/packages/${draft.id}/tags/v1`)).code).toBe('package-not-finalized')
    expect((await door.refusal('DELETE', `/packages/${id}/tags/never`)).code).toBe('tag-unknown')
  })

  it('point at a package, move, and are found by it', async () => {
    const first = await door.finalized({ 'first.txt': '1' })
    const second = await door.finalized({ 'second.txt': '2' })
    expect(first.repository).toBe(second.repository)
    await door.send('PUT', `/packages/${first.id}/tags/latest`)
    const moved = await door.send('PUT', `/packages/${second.id}/tags/latest`)
    expect((moved.json as PackageJson).oci?.tags).toContain('latest')
    const { json } = await door.send('GET', `/packages?repository=${second.repository}&tag=latest`)
    expect((json as PackagePageJson).packages.map(({ id }) => id)).toEqual([second.id])
    // The tag stands in the same repository, but on the other package: this path does not reach it.
    expect((await door.refusal('DELETE', `/packages/${first.id}/tags/latest`)).code).toBe('tag-unknown')
    expect((await door.send('DELETE', `/packages/${second.id}/tags/latest`)).status).toBe(204)
    expect((await door.refusal('DELETE', `/packages/${second.id}/tags/latest`)).code).toBe('tag-unknown')
  })
})
