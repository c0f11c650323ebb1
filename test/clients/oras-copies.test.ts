/**
 * oras with parts and wholes: single blobs, an index made of images, referrers under the fallback tag, and a repository
 * with all its referrers carried from a server on one engine to a server on the other.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PackageJson } from '../../src/native-api/wire.ts'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow } from './client-flow.ts'
import { digestOf } from './images.ts'

const NOTES = 'notes\n'

describe('oras between two servers', () => {
  let flow: ClientFlow
  let other: ClientFlow

  beforeAll(async () => {
    flow = await ClientFlow.open({ database: DATABASES[0]!, clients: { oras: 'oras' } })
    other = await ClientFlow.open({ database: DATABASES[1]! })
    writeFileSync(join(flow.folder, 'notes.txt'), NOTES)
    await flow.page('oras', 'login')
    await flow.page('oras', 'login', { server: other.registry })
  })
  afterAll(async () => {
    await flow?.close()
    await other?.close()
  })

  it('a blob alone is pushed, fetched and deleted, and is gone for the next reader', async () => {
    expect(await flow.page('oras', 'blob')).toContain(NOTES)
    const blob = `localhost:8000/team/blobs@${digestOf(Buffer.from(NOTES))}`
    expect(await flow.refused(`oras blob fetch --plain-http --output - ${blob}`)).toContain('not found')
    const [unlinked] = await flow.events('v1.blob.unlinked')
    const [linked] = await flow.events('v1.blob.linked')
    expect(unlinked!.payload).toEqual(linked!.payload)
    // No manifest, no package.
    expect(await flow.packages('team/blobs')).toEqual([])
  })

  it('an index made of images is a package beside theirs', async () => {
    await flow.page('oras', 'index')
    expect(await platforms()).toEqual(['linux/amd64', 'linux/arm64'])
    const { oci, file_count: files } = await flow.package('team/app:v1')
    expect([oci!.media_type, files]).toEqual(['application/vnd.oci.image.index.v1+json', 0])
    expect(await flow.packages('team/app')).toHaveLength(3)
    const arm64 = (await flow.sh('oras resolve --plain-http localhost:8000/team/app:arm64')).trim()
    await flow.sh(`oras manifest index update --plain-http localhost:8000/team/app:v1 --remove ${arm64}`)
    expect(await platforms()).toEqual(['linux/amd64'])
    await flow.sh(`oras manifest index update --plain-http localhost:8000/team/app:v1 --add ${arm64}`)
    expect(await platforms()).toEqual(['linux/amd64', 'linux/arm64'])
  })

  it('a referrer attached under the fallback tag is found by the API too, and one attached by the API by either', async () => {
    const attach = (spec: string, type: string) =>
      `oras attach --plain-http --distribution-spec ${spec} --artifact-type ${type} localhost:8000/team/app:v1 notes.txt`
    await flow.sh(attach('v1.1-referrers-tag', 'application/vnd.example.by-tag'))
    const { digest } = (await flow.package('team/app:v1')).oci!
    const tags = await flow.sh('oras repo tags --plain-http localhost:8000/team/app')
    expect(tags.split('\n')).toContain(digest.replace(':', '-'))
    expect(await types(flow, 'v1.1-referrers-tag')).toEqual(['application/vnd.example.by-tag'])
    expect(await types(flow, 'v1.1-referrers-api')).toEqual(['application/vnd.example.by-tag'])
    await flow.sh(attach('v1.1-referrers-api', 'application/vnd.example.by-api'))
    const both = ['application/vnd.example.by-api', 'application/vnd.example.by-tag']
    expect(await types(flow, 'v1.1-referrers-api')).toEqual(both)
  })

  it('a repository with referrers is the same on another server after backup and restore', async () => {
    await flow.page('oras', 'backup')
    expect(await other.packages('team/app')).toEqual([])
    await flow.page('oras', 'restore', { server: other.registry })
    const [before, after] = await Promise.all([flow, other].map(async (each) => each.packages('team/app')))
    const named = after!.flatMap(({ oci }) => oci!.tags.map((tag) => [tag, oci!.digest])).sort()
    expect(named).toEqual(before!.flatMap(({ oci }) => oci!.tags.map((tag) => [tag, oci!.digest])).sort())
    const have = new Set(after!.map(contentOf))
    // Indexes that no tag names any more are not part of a backup; everything else is.
    const missing = before!.filter((each) => !have.has(contentOf(each)))
    expect(missing.map(({ oci }) => [oci!.media_type, oci!.tags])).toEqual(
      missing.map(() => ['application/vnd.oci.image.index.v1+json', []]),
    )
    expect(have.size).toBe(before!.length - missing.length)
    const types = ['application/vnd.example.by-api', 'application/vnd.example.by-tag']
    expect(await typesAt(other)).toEqual(types)
    const pulled = `oras pull --plain-http localhost:8000/team/app@${after!.find(isImage)!.oci!.digest} -o restored`
    await flow.sh(pulled, { server: other.registry })
    expect(await flow.sh('cat restored/notes.txt')).toBe(NOTES)
  })

  it('afterwards the log of either is whole and the views are its fold', async () => {
    await flow.settle()
    await other.settle()
  })

  async function platforms(): Promise<string[]> {
    const { manifests } = await flow.json<{ manifests: { platform: { os: string; architecture: string } }[] }>(
      'oras manifest fetch --plain-http localhost:8000/team/app:v1',
    )
    return manifests.map(({ platform }) => `${platform.os}/${platform.architecture}`).sort()
  }

  async function types(at: ClientFlow, spec: string): Promise<string[]> {
    const discover = `oras discover --plain-http --distribution-spec ${spec} --format json localhost:8000/team/app:v1`
    const said = await flow.sh(discover, { server: at.registry })
    const { referrers = [] } = JSON.parse(said) as { referrers?: { artifactType: string }[] }
    return referrers.map(({ artifactType }) => artifactType).sort()
  }

  function typesAt(at: ClientFlow): Promise<string[]> {
    return types(at, 'v1.1-referrers-api')
  }
})

function isImage({ oci, file_count: files }: PackageJson): boolean {
  return oci!.media_type === 'application/vnd.oci.image.manifest.v1+json' && files === 1
}

/** What is the same wherever the package lies. */
function contentOf({ oci, metadata, file_count, total_size }: PackageJson): string {
  return JSON.stringify([oci!.digest, oci!.size, metadata, file_count, total_size])
}
