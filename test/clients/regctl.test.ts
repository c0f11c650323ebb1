/** regctl: chunked uploads, byte ranges, referrers, copies with them, sha512, and the deletes of each kind. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesOf } from '../support/bytes.ts'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow } from './client-flow.ts'
import { digestOf, type ImageLayout, writeImageLayout } from './images.ts'

const BIG = bytesOf(5 * 1024 * 1024 + 17, 3)
const SBOM = 'application/vnd.example.sbom'

describe.each(DATABASES)('regctl on $engine', (database) => {
  let flow: ClientFlow
  let layout: ImageLayout

  beforeAll(async () => {
    flow = await ClientFlow.open({ database, clients: { regctl: 'regctl' } })
    layout = writeImageLayout(join(flow.folder, 'layout'), { text: 'hello\n', tag: 'v1' })
    writeFileSync(join(flow.folder, 'big.bin'), BIG)
    writeFileSync(join(flow.folder, 'sbom.json'), '{"sbom":true}')
    await flow.page('regctl', 'login')
  })
  afterAll(() => flow?.close())

  it('a large blob goes up in chunks and comes down whole', async () => {
    const requests = await flow.requestsOf(async () => {
      expect((await flow.page('regctl', 'blob')).trim()).toBe(digestOf(BIG))
    })
    expect(readFileSync(join(flow.folder, 'back.bin')).equals(BIG)).toBe(true)
    expect(requests.filter(({ method, status }) => method === 'PATCH' && status === 202)).toHaveLength(6)
  })

  it('an image goes up from a layout with all its platforms, and down again', async () => {
    await flow.page('regctl', 'push')
    const { oci } = await flow.package('regctl/hello:v1')
    expect(oci).toMatchObject({ digest: layout.index.digest, tags: ['v1'] })
    expect(await flow.packages('regctl/hello')).toHaveLength(3)
    expect((await flow.sh('regctl image digest ocidir://pulled:v1')).trim()).toBe(layout.index.digest)
  })

  it('referrers are put, listed by type, and drawn as a tree', async () => {
    const said = await flow.page('regctl', 'referrer')
    expect(said).toContain(SBOM)
    const list = (type: string) =>
      flow.json<{ descriptors: { artifactType: string; digest: string }[] | null }>(
        `regctl artifact list localhost:8000/regctl/hello:v1 --filter-artifact-type ${type} --format '{{json .}}'`,
      )
    const [referrer] = (await list(SBOM)).descriptors!
    expect((await list('application/vnd.example.other')).descriptors ?? []).toEqual([])
    const tree = await flow.sh('regctl artifact tree localhost:8000/regctl/hello:v1')
    expect(tree).toContain(`Referrers:\n  - ${referrer!.digest}`)
    const files = await flow.files(`regctl/hello@${referrer!.digest}`)
    expect(files).toMatchObject([{ media_type: 'application/json', sha256: digestOf(Buffer.from('{"sbom":true}')) }])
  })

  it('a copy takes the referrers along and sends no blob again', async () => {
    const stored = (await flow.events('v1.blob.stored')).length
    await flow.page('regctl', 'copy')
    expect(await flow.sh('regctl artifact list localhost:8000/mirror/hello:v1')).toContain(SBOM)
    expect(await flow.packages('mirror/hello')).toHaveLength(4)
    expect(await flow.events('v1.blob.stored')).toHaveLength(stored)
  })

  it('an image of sha512 digests is pushed, answered under them, and pulled', async () => {
    const digest = (await flow.page('regctl', 'sha512')).trim().split('\n').at(-1)!
    expect(digest).toMatch(/^sha512:[0-9a-f]{128}$/)
    const head = await flow.get('/v2/regctl/sha512/manifests/v1', { accept: '*/*' })
    expect(head.headers.get('docker-content-digest')).toBe(digest)
    expect(await flow.package('regctl/sha512:v1')).toMatchObject({ manifest_digest: digest })
    await flow.sh('regctl image copy localhost:8000/regctl/sha512:v1 ocidir://pulled:sha512')
    expect((await flow.sh('regctl image digest ocidir://pulled:sha512')).trim()).toBe(digest)
  })

  it('tags and repositories are listed', async () => {
    const repositories = ['mirror/hello', 'regctl/hello', 'regctl/sha512']
    expect((await flow.page('regctl', 'list')).trim().split('\n')).toEqual(['v1', ...repositories])
  })

  it('a tag goes alone, a manifest with its tags, a blob from its repository', async () => {
    await flow.page('regctl', 'delete')
    expect(await flow.sh('regctl tag ls localhost:8000/mirror/hello')).toBe('')
    expect(await flow.package(`mirror/hello@${layout.index.digest}`)).toMatchObject({ status: 'finalized' })
    expect(await flow.refused('regctl manifest head localhost:8000/regctl/sha512:v1')).toMatch(/not found/i)
    expect(await flow.refused(`regctl blob head localhost:8000/regctl/blobs ${digestOf(BIG)}`)).toMatch(/not found/i)
    expect((await flow.events('v1.tag.deleted')).length).toBeGreaterThan(0)
    expect(await flow.events('v1.manifest.deleted')).toHaveLength(1)
    expect(await flow.events('v1.blob.unlinked')).toHaveLength(1)
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})
