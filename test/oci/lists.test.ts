import { describe, expect, test } from 'vitest'
import { type Door, imageManifest, OCI_INDEX, OCI_MANIFEST, openDoor, sha256 } from './oci-fixture.ts'

async function withTags(door: Door, ...tags: string[]): Promise<void> {
  for (const tag of tags) await door.putManifest('team/app', imageManifest(), tag)
}
const nextOf = (headers: Headers) => /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]

describe('tags', () => {
  test('of an unknown repository are 404 and a bad n is 400', async () => {
    await using door = await openDoor()
    const unknown = await door.send('GET', '/v2/team/app/tags/list')
    expect([unknown.status, unknown.code]).toEqual([404, 'NAME_UNKNOWN'])
    await withTags(door, 'a')
    for (const n of ['-1', 'x', '1.5', '']) {
      expect([n, (await door.send('GET', `/v2/team/app/tags/list?n=${n}`)).status]).toEqual([n, 400])
    }
  })

  test('come sorted, all at once without n, and as an empty list where there are none', async () => {
    await using door = await openDoor()
    await door.putManifest('team/app', imageManifest())
    const list = async () => (await door.send('GET', '/v2/team/app/tags/list')).json
    expect(await list()).toEqual({ name: 'team/app', tags: [] })
    await withTags(door, 'b', 'a', 'B', '10', '9')
    expect(await list()).toEqual({ name: 'team/app', tags: ['10', '9', 'B', 'a', 'b'] })
  })

  test('are paged by links that stay on this host', async () => {
    await using door = await openDoor()
    await withTags(door, 'a', 'b', 'c', 'd', 'e')
    const pages = []
    let path: string | undefined = '/v2/team/app/tags/list?n=2'
    while (path !== undefined) {
      const answer = await door.send('GET', path)
      pages.push((answer.json as { tags: string[] }).tags)
      path = nextOf(answer.headers)
    }
    expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  })

  test('n=0 lists nothing; last is exclusive and need not exist', async () => {
    await using door = await openDoor()
    await withTags(door, 'a', 'c', 'd')
    const none = await door.send('GET', '/v2/team/app/tags/list?n=0')
    expect([none.json, none.headers.get('link')]).toEqual([{ name: 'team/app', tags: [] }, null])
    expect((await door.send('GET', '/v2/team/app/tags/list?last=b')).json).toMatchObject({ tags: ['c', 'd'] })
    expect((await door.send('GET', '/v2/team/app/tags/list?last=c&n=5')).json).toMatchObject({ tags: ['d'] })
  })
})

describe('the catalog', () => {
  test('lists repositories sorted and in pages', async () => {
    await using door = await openDoor()
    expect((await door.send('GET', '/v2/_catalog')).json).toEqual({ repositories: [] })
    for (const name of ['b/x', 'a', 'c']) await door.putManifest(name, imageManifest(), 'v1')
    expect((await door.send('GET', '/v2/_catalog')).json).toEqual({ repositories: ['a', 'b/x', 'c'] })
    const page = await door.send('GET', '/v2/_catalog?n=2')
    expect(page.json).toEqual({ repositories: ['a', 'b/x'] })
    expect(nextOf(page.headers)).toBe('/v2/_catalog?n=2&last=b%2Fx')
    expect((await door.send('GET', nextOf(page.headers) ?? '')).json).toEqual({ repositories: ['c'] })
    expect((await door.send('GET', '/v2/_catalog?n=0')).json).toEqual({ repositories: [] })
    expect((await door.send('GET', '/v2/_catalog?n=-1')).status).toBe(400)
  })
})

describe('referrers', () => {
  const subject = { mediaType: OCI_MANIFEST, digest: sha256('subject'), size: 7 }
  const PATH = `/v2/team/app/referrers/${subject.digest}`
  const empty = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }

  test('of what is no digest are 400', async () => {
    await using door = await openDoor()
    for (const digest of ['latest', 'sha256:abc']) {
      const answer = await door.send('GET', `/v2/team/app/referrers/${digest}`)
      expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID'])
    }
  })

  test('of anything nobody refers to are an empty index of exactly the index type', async () => {
    await using door = await openDoor()
    for (const digest of [subject.digest, `sha256:${'0'.repeat(64)}`, 'sha384:abcdef']) {
      const answer = await door.send('GET', `/v2/no/such/repository/referrers/${digest}`)
      expect([answer.status, answer.headers.get('content-type'), answer.json]).toEqual([200, OCI_INDEX, empty])
    }
  })

  test('are described by type and annotations, filtered, and gone when deleted', async () => {
    await using door = await openDoor()
    const artifactType = 'application/vnd.example+json'
    const signed = imageManifest({ subject, artifactType, annotations: { by: 'me' } })
    const plain = imageManifest({
      subject,
      config: { mediaType: 'application/x.config', digest: sha256('{}'), size: 2 },
    })
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], subject }
    const described = (manifest: object, digest: string, rest: object) => ({
      mediaType: (manifest as { mediaType: string }).mediaType,
      digest,
      size: JSON.stringify(manifest).length,
      ...rest,
    })
    const expected = [
      described(signed, await door.putManifest('team/app', signed), { artifactType, annotations: { by: 'me' } }),
      described(plain, await door.putManifest('team/app', plain, 'v1'), { artifactType: 'application/x.config' }),
      described(index, await door.putManifest('team/app', index), {}),
    ]
    const byDigest = (left: { digest: string }, right: { digest: string }) => (left.digest < right.digest ? -1 : 1)
    expect((await door.send('GET', PATH)).json).toEqual({ ...empty, manifests: expected.toSorted(byDigest) })

    for (const type of [encodeURIComponent(artifactType), artifactType]) {
      const filtered = await door.send('GET', `${PATH}?artifactType=${type}`)
      expect(filtered.json).toEqual({ ...empty, manifests: expected.slice(0, 1) })
      expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType')
    }
    const both = await door.send('GET', `${PATH}?artifactType=application/x.config&artifactType=${artifactType}`)
    expect((both.json as typeof empty).manifests).toHaveLength(2)
    expect((await door.send('GET', `${PATH}?artifactType=a/b`)).json).toEqual(empty)

    await door.send('DELETE', `/v2/team/app/manifests/${expected[0]?.digest}`)
    expect(((await door.send('GET', PATH)).json as typeof empty).manifests).toHaveLength(2)
  })

  test('are shown to whom may pull only, also once they were made for another', async () => {
    await using door = await openDoor()
    await door.putManifest('team/app', imageManifest({ subject }))
    for (let n = 0; n < 2; n++) {
      const [mine, nobodys] = [await door.send('GET', PATH), await door.send('GET', PATH, { token: null })]
      expect((mine.json as typeof empty).manifests).toHaveLength(1)
      expect([nobodys.status, nobodys.code]).toEqual([401, 'UNAUTHORIZED'])
    }
  })

  test('come in pages that a client can read, however large their annotations are', async () => {
    await using door = await openDoor()
    const count = 4
    for (let n = 0; n < count; n++) {
      await door.putManifest(
        'team/app',
        imageManifest({ subject, annotations: { n: `${n}`, big: 'x'.repeat(1_400_000) } }),
      )
    }
    const seen = new Set<string>()
    let path: string | undefined = PATH
    while (path !== undefined) {
      const answer = await door.send('GET', path)
      expect(answer.bytes.length).toBeLessThanOrEqual(4 * 1024 * 1024)
      for (const { digest } of (answer.json as { manifests: { digest: string }[] }).manifests) seen.add(digest)
      path = nextOf(answer.headers)
    }
    expect(seen.size).toBe(count)
  })
})
