import { describe, expect, test } from 'vitest'
import { imageManifest, OCI_INDEX, OCI_MANIFEST, openDoor, sha256, sha512, streamed } from './oci-fixture.ts'

const MANIFEST = JSON.stringify(imageManifest({ annotations: { a: '1' } }))
const DIGEST = sha256(MANIFEST)
const at = (reference: string) => `/v2/team/app/manifests/${reference}`
const as = (type: string) => ({ 'content-type': type })

describe('a manifest that is refused', () => {
  test('because its digest is another', async () => {
    await using door = await openDoor()
    const answer = await door.send('PUT', at(DIGEST), { body: `${MANIFEST}  `, headers: as(OCI_MANIFEST) })
    expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID'])
    expect((await door.send('GET', at(DIGEST))).status).toBe(404)
  })

  test.each([
    ['not JSON', 'no', OCI_MANIFEST],
    ['not an object', '[]', OCI_MANIFEST],
    ['of another type than it says', MANIFEST, OCI_INDEX],
    ['image and index at once', JSON.stringify(imageManifest({ manifests: [] })), OCI_MANIFEST],
    ['of schema 1', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+json'],
    [
      'with a negative size',
      JSON.stringify(imageManifest({ layers: [{ mediaType: 'a/b', digest: DIGEST, size: -1 }] })),
      OCI_MANIFEST,
    ],
  ])('because it is %s', async (_, body, type) => {
    await using door = await openDoor()
    const answer = await door.send('PUT', at('latest'), { body, headers: as(type) })
    expect([answer.status, answer.code]).toEqual([400, 'MANIFEST_INVALID'])
  })

  test('because it is over 4 MiB, though its length was not announced', async () => {
    await using door = await openDoor()
    const large = Buffer.alloc(4 * 1024 * 1024 + 1, ' ')
    const answer = await door.send('PUT', at('latest'), { body: streamed(large), headers: as(OCI_MANIFEST) })
    expect([answer.status, answer.code]).toEqual([413, 'SIZE_INVALID'])
  })

  test('because its tags do not belong to a put by digest, or do not read', async () => {
    await using door = await openDoor()
    const put = { body: MANIFEST, headers: as(OCI_MANIFEST) }
    expect((await door.send('PUT', `${at('latest')}?tag=a`, put)).status).toBe(400)
    expect((await door.send('PUT', `${at(DIGEST)}?tag=-a`, put)).status).toBe(400)
    expect((await door.send('GET', at(DIGEST))).status).toBe(404)
  })
})

describe('a manifest', () => {
  test('is unknown under what is no tag, and nothing is put or deleted there', async () => {
    await using door = await openDoor()
    const strange = at('.INVALID_MANIFEST_NAME')
    const read = await door.send('GET', strange)
    expect([read.status, read.code]).toEqual([404, 'MANIFEST_UNKNOWN'])
    expect((await door.send('HEAD', strange)).status).toBe(404)
    for (const method of ['PUT', 'DELETE']) {
      const answer = await door.send(method, strange, { body: MANIFEST, headers: as(OCI_MANIFEST) })
      expect([answer.status, answer.code]).toEqual([400, 'NAME_INVALID'])
    }
    expect((await door.send('GET', at('sha256:baddigeststring'))).code).toBe('DIGEST_INVALID')
  })

  test('that nobody put is unknown, and so is a repository', async () => {
    await using door = await openDoor()
    expect((await door.send('GET', at('latest'))).code).toBe('NAME_UNKNOWN')
    await door.putManifest('team/app', imageManifest(), 'v1')
    for (const reference of ['latest', DIGEST]) {
      const answer = await door.send('GET', at(reference))
      expect([answer.status, answer.code]).toEqual([404, 'MANIFEST_UNKNOWN'])
      expect((await door.send('HEAD', at(reference))).status).toBe(404)
    }
  })

  test('comes back byte for byte, with type, digest and length on GET and HEAD', async () => {
    await using door = await openDoor()
    const odd = `${MANIFEST.slice(0, -1)},\n "extra": [1.0, 1e2] }\n`
    for (let n = 0; n < 2; n++) {
      const put = await door.send('PUT', at('latest'), {
        body: streamed(odd),
        headers: as(`${OCI_MANIFEST}; charset=utf-8`),
      })
      expect(put.status).toBe(201)
      expect(put.headers.get('location')).toBe(at(sha256(odd)))
      expect(put.headers.get('docker-content-digest')).toBe(sha256(odd))
    }
    for (const reference of ['latest', sha256(odd), sha256(odd).replace(':', '%3A')]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await door.send(method, at(reference), { headers: { accept: 'text/plain' } })
        expect(answer.status).toBe(200)
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          'content-type': OCI_MANIFEST,
          'content-length': String(Buffer.byteLength(odd)),
          'docker-content-digest': sha256(odd),
          etag: `"${sha256(odd)}"`,
        })
        expect(answer.bytes.toString()).toBe(method === 'GET' ? odd : '')
      }
    }
  })

  test('is not sent again to a client that has it', async () => {
    await using door = await openDoor()
    const digest = await door.putManifest('team/app', imageManifest(), 'v1')
    const answer = await door.send('GET', at('v1'), { headers: { 'if-none-match': `"${digest}"` } })
    expect([answer.status, answer.bytes.length]).toEqual([304, 0])
    expect((await door.send('GET', at('v1'), { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })

  test('put without a type has the one it names itself', async () => {
    await using door = await openDoor()
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] })
    await door.send('PUT', at('i'), { body: Buffer.from(index), headers: as('') })
    expect((await door.send('GET', at('i'))).headers.get('content-type')).toBe(OCI_INDEX)
  })

  test('may name a subject and blobs that are not there', async () => {
    await using door = await openDoor()
    const subject = { mediaType: OCI_MANIFEST, digest: sha256('missing'), size: 7 }
    const layers = [{ mediaType: 'application/x', digest: sha256('sparse'), size: 6 }]
    const body = JSON.stringify(imageManifest({ subject, layers }))
    for (const reference of ['v1', sha256(body)]) {
      const answer = await door.send('PUT', at(reference), { body, headers: as(OCI_MANIFEST) })
      expect([answer.status, answer.headers.get('oci-subject')]).toEqual([201, subject.digest])
    }
    expect((await door.send('GET', `/v2/team/app/blobs/${sha256('sparse')}`)).status).toBe(404)
  })

  test('that names a blob which was deleted here needs that blob pushed again', async () => {
    await using door = await openDoor()
    const digest = await door.putBlob('team/app', 'was here')
    await door.send('DELETE', `/v2/team/app/blobs/${digest}`)
    const body = JSON.stringify(imageManifest({ layers: [{ mediaType: 'application/x', digest, size: 8 }] }))
    const refused = await door.send('PUT', at('v1'), { body, headers: as(OCI_MANIFEST) })
    expect([refused.status, refused.code]).toEqual([400, 'MANIFEST_BLOB_UNKNOWN'])
    await door.putBlob('team/app', 'was here')
    expect((await door.send('PUT', at('v1'), { body, headers: as(OCI_MANIFEST) })).status).toBe(201)
  })

  test.each([
    ['sha256', sha256],
    ['sha512', sha512],
  ])('put by its %s with tags keeps that name under them', async (_, digestOf) => {
    await using door = await openDoor()
    const digest = digestOf(MANIFEST)
    const tags = Array.from({ length: 12 }, (_, n) => `t${n}`)
    const query = tags.map((tag) => `tag=${tag}`).join('&')
    const put = await door.send('PUT', `${at(digest)}?${query}`, { body: MANIFEST, headers: as(OCI_MANIFEST) })
    expect(put.status).toBe(201)
    expect(put.headers.get('oci-tag')?.split(', ')).toEqual(tags)
    for (const tag of tags) {
      expect((await door.send('HEAD', at(tag))).headers.get('docker-content-digest')).toBe(digest)
    }
  })

  test('put by tag with its digest beside it, as older regctl does, is checked against it', async () => {
    await using door = await openDoor()
    const wrong = await door.send('PUT', `${at('v1')}?digest=${sha256('x')}`, {
      body: MANIFEST,
      headers: as(OCI_MANIFEST),
    })
    expect([wrong.status, wrong.code]).toEqual([400, 'DIGEST_INVALID'])
    const put = await door.send('PUT', `${at('v1')}?digest=${sha512(MANIFEST)}`, {
      body: MANIFEST,
      headers: as(OCI_MANIFEST),
    })
    expect(put.status).toBe(201)
    expect((await door.send('GET', at('v1'))).headers.get('docker-content-digest')).toBe(sha512(MANIFEST))
  })

  test('deleted by tag stays under its digest; deleted by digest is gone with its tags', async () => {
    await using door = await openDoor()
    const digest = await door.putManifest('team/app', imageManifest(), 'v1')
    await door.putManifest('team/app', imageManifest(), 'v2')
    expect((await door.send('DELETE', at('v1'))).status).toBe(202)
    expect((await door.send('DELETE', at('v1'))).status).toBe(404)
    expect((await door.send('HEAD', at('v1'))).status).toBe(404)
    expect((await door.send('HEAD', at('v2'))).status).toBe(200)
    expect((await door.send('DELETE', at(digest))).status).toBe(202)
    for (const reference of ['v2', digest]) expect((await door.send('HEAD', at(reference))).status).toBe(404)
    expect((await door.send('DELETE', at(digest))).status).toBe(404)
  })

  test('is what the registry calls a package, recorded under the name of the token', async () => {
    await using door = await openDoor()
    await door.putManifest('team/app', imageManifest(), 'v1')
    const { items } = await door.registry.packages.list({ producer: 'team' }, { limit: 10 })
    expect(items).toMatchObject([{ name: 'app', origin: 'oci', status: 'finalized', createdBy: 'ci' }])
  })
})
