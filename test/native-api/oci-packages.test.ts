/** What came through `/v2/` is there behind this API. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FilePageJson, PackageJson, PackagePageJson } from '../../src/native-api/wire.ts'
import { parseReference, parseRepositoryName, requireDigest } from '../../src/registry/index.ts'
import { contentOf } from '../support/bytes.ts'
import { type Door, openDoor } from './native-fixture.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const REPOSITORY = parseRepositoryName('team/report')
const LAYER = Buffer.from('layer bytes')
const ABSENT = Buffer.from('never sent')

const sha256 = (bytes: Uint8Array) => requireDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
const descriptor = (bytes: Uint8Array, title: string) => ({
  mediaType: 'text/plain',
  digest: sha256(bytes),
  size: bytes.length,
  annotations: { 'org.opencontainers.image.title': title },
})

let door: Door
let bytes: Buffer
let pushed: PackageJson
beforeAll(async () => {
  door = await openDoor({ publicUrl: 'https://registry.example:5000' })
  const config = Buffer.from('{}')
  for (const content of [LAYER, config]) {
    const request = { repository: REPOSITORY, actor: 'ci', digest: sha256(content), content: contentOf(content) }
    await door.registry.uploads.receive(request)
  }
  bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(config), size: 2 },
      layers: [descriptor(LAYER, 'report.txt'), descriptor(ABSENT, 'sparse.txt')],
      annotations: { colour: 'red' },
    }),
  )
  const reference = parseReference('v1')
  await door.registry.manifests.put({ repository: REPOSITORY, reference, mediaType: MANIFEST, bytes, actor: 'ci' })
  const { json } = await door.send('GET', '/packages?repository=team/report&tag=v1')
  pushed = (json as PackagePageJson).packages[0]!
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

describe('a package that was pushed through /v2/', () => {
  it('cannot be added to or finalized', async () => {
    const problem = await door.refusal('POST', `/packages/${pushed.id}/finalize`)
    expect(problem).toMatchObject({ code: 'package-finalized', status: 409 })
  })

  it('has no bytes where the push brought none, and that is no alarm', async () => {
    const { json } = await door.send('GET', `/packages/${pushed.id}/files`)
    const sparse = (json as FilePageJson).files.find((file) => file.relative_path === 'sparse.txt')!
    expect(sparse).not.toHaveProperty('blake3')
    expect(await door.refusal('GET', `/files/${sparse.id}/download`)).toMatchObject({
      code: 'blob-unknown',
      status: 404,
    })
  })

  it('is found by its producer, its annotations and its digest, with the reference to pull it by', async () => {
    for (const query of [
      'producer=team&name=report',
      'metadata.colour=red',
      `repository=team/report&digest=${sha256(bytes)}`,
    ]) {
      const { json } = await door.send('GET', `/packages?${query}`)
      expect(
        (json as PackagePageJson).packages.map(({ id }) => id),
        query,
      ).toEqual([pushed.id])
    }
    expect(pushed).toMatchObject({ origin: 'oci', status: 'finalized', manifest_digest: sha256(bytes) })
    expect(pushed.oci).toMatchObject({
      media_type: MANIFEST,
      size: bytes.length,
      tags: ['v1'],
      reference: 'registry.example:5000/team/report:v1',
    })
  })

  it('without a tag is pulled by its digest', async () => {
    await door.send('DELETE', `/packages/${pushed.id}/tags/v1`)
    const { json } = await door.send('GET', `/packages/${pushed.id}`)
    expect((json as PackageJson).oci?.reference).toBe(`registry.example:5000/team/report@${sha256(bytes)}`)
    await door.send('PUT', `/packages/${pushed.id}/tags/v1`)
  })

  it('answers its own manifest bytes under their own type, whatever Accept prefers', async () => {
    const headers = { accept: 'application/cbor' }
    const manifest = await door.send('GET', `/packages/${pushed.id}/manifest`, { headers })
    expect(manifest.headers.get('content-type')).toBe(MANIFEST)
    expect(manifest.bytes.equals(bytes)).toBe(true)
    const asJson = await door.send('GET', `/packages/${pushed.id}/manifest.json`)
    expect(asJson.json).toEqual(JSON.parse(bytes.toString()))
  })

  it('gives its files, named by the digest of the push', async () => {
    const { json } = await door.send('GET', `/packages/${pushed.id}/files`)
    const file = (json as FilePageJson).files.find(({ relative_path }) => relative_path === 'report.txt')!
    expect(file).toMatchObject({ digest: sha256(LAYER), media_type: 'text/plain', size: LAYER.length })
    const download = await door.send('GET', `/files/${file.id}/download`)
    expect(download.bytes.equals(LAYER)).toBe(true)
    expect(download.headers.get('etag')).toBe(`"${sha256(LAYER)}"`)
  })
})
