/** What an OCI push says nothing about is filled in: a test for each row of the table in docs/architecture.md. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Package, parseReference, parseRepositoryName } from '../../src/registry/index.ts'
import { digestWith } from '../../src/storage/index.ts'
import { openTestRegistry, type TestRegistry } from '../support/open-test-registry.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
}

let opened: TestRegistry
beforeAll(async () => {
  opened = await openTestRegistry({ dependencies: { ociRetentionClass: 'raw-evidence' } })
})
afterAll(async () => {
  expect((await opened.registry.verifyViews()).differences).toEqual([])
  expect((await opened.registry.replay()).changedRows).toBe(0)
  await opened.close()
})

describe('a manifest pushed to /v2/ becomes a package', () => {
  it('whose producer is the first path segment of its repository', async () => {
    expect(await pushed('team/app/report')).toMatchObject({ producer: 'team', origin: 'oci', status: 'finalized' })
    expect(await pushed('single')).toMatchObject({ producer: 'single' })
  })

  it('whose name is the rest of its repository', async () => {
    expect(await pushed('team/app/report')).toMatchObject({ name: 'app/report' })
    expect(await pushed('single')).toMatchObject({ name: 'single' })
  })

  it('whose subject is an annotation, else its source, else its repository', async () => {
    const source = { 'org.opencontainers.image.source': 'https://git.example/report' }
    const own = { 'vnd.artifactstore.subject': 'example.org', ...source }
    expect(await pushed('team/subject', own)).toMatchObject({ subject: 'example.org' })
    expect(await pushed('team/subject', source)).toMatchObject({ subject: 'https://git.example/report' })
    expect(await pushed('team/subject')).toMatchObject({ subject: 'team/subject' })
  })

  it('whose metadata are its annotations', async () => {
    expect(await pushed('team/metadata', { branch: 'main' })).toMatchObject({ metadata: { branch: 'main' } })
  })

  it('whose retention class is an annotation, else the configured one', async () => {
    const asked = { 'vnd.artifactstore.retention-class': 'transient' }
    expect(await pushed('team/class', asked)).toMatchObject({ retentionClass: 'transient' })
    expect(await pushed('team/class')).toMatchObject({ retentionClass: 'raw-evidence' })
  })

  it('whose files are its layers, each under its title, else under its digest', async () => {
    const titled = { ...layer('a'), annotations: { 'org.opencontainers.image.title': 'logs/first run.txt' } }
    const { id } = await push('team/files', { config: EMPTY, layers: [titled, layer('b')] })
    const { items } = await opened.registry.files.list(id, { limit: 10 })
    expect(items.map(({ path }) => path)).toEqual(['logs/first run.txt', layer('b').digest].sort())
  })

  it('and an index is one too, beside those it lists', async () => {
    const child = await push('team/index', { config: EMPTY, layers: [layer('c')] })
    const descriptor = { mediaType: MANIFEST, digest: child.manifestDigest, size: 1 }
    const index = await push('team/index', { manifests: [descriptor] }, INDEX)
    expect(index).toMatchObject({ origin: 'oci', fileCount: 0 })
    const repository = parseRepositoryName('team/index')
    const { items } = await opened.registry.packages.list({ repository }, { limit: 10 })
    expect(items.map(({ id }) => id).sort()).toEqual([child.id, index.id].sort())
  })
})

function layer(content: string): { mediaType: string; digest: string; size: number } {
  const bytes = Buffer.from(content)
  return { mediaType: 'text/plain', digest: digestWith('sha256', bytes), size: bytes.length }
}

function pushed(repository: string, annotations: Record<string, string> = {}): Promise<Package> {
  return push(repository, { config: EMPTY, layers: [layer(repository)], annotations })
}

async function push(repository: string, manifest: object, mediaType = MANIFEST): Promise<Package> {
  const { manifests, packages } = opened.registry
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...manifest }))
  const reference = parseReference(digestWith('sha256', bytes))
  const name = parseRepositoryName(repository)
  const { packageId } = await manifests.put({ repository: name, reference, mediaType, bytes, actor: 'token:test' })
  return packages.get(packageId)
}
