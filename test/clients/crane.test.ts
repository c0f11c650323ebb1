/** crane: images with several platforms, copies by mount, images made of images, lists and deletes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow, NOT_ALLOWED, USER } from './client-flow.ts'
import { type ImageLayout, tarOf, writeImageLayout } from './images.ts'

describe.each(DATABASES)('crane on $engine', (database) => {
  let flow: ClientFlow
  let layout: ImageLayout

  beforeAll(async () => {
    flow = await ClientFlow.open({ database, clients: { crane: 'crane' } })
    layout = writeImageLayout(join(flow.folder, 'layout'), { text: 'hello\n' })
  })
  afterAll(() => flow?.close())

  it('without credentials and with wrong ones nothing is read or written', async () => {
    expect(await flow.refused('crane push layout localhost:8000/crane/hello:v1 --index')).toMatch(NOT_ALLOWED)
    mkdirSync(join(flow.folder, 'wrong'))
    const env = { DOCKER_CONFIG: join(flow.folder, 'wrong') }
    await flow.sh('echo wrong | crane auth login localhost:8000 -u ci --password-stdin', { env })
    expect(await flow.refused('crane catalog localhost:8000', { env })).toMatch(NOT_ALLOWED)
    expect(await flow.events('v1.manifest.put')).toEqual([])
  })

  it('an index with all its platforms goes up and from repository to repository, where no byte is sent again', async () => {
    await flow.page('crane', 'login')
    const said = await flow.page('crane', 'push')
    expect(said).toContain(layout.index.digest)
    const copied = await flow.package('mirror/hello:v1')
    expect(copied).toMatchObject({ producer: 'mirror', name: 'hello', origin: 'oci', created_by: USER })
    expect(copied.oci).toMatchObject({ digest: layout.index.digest, media_type: layout.index.mediaType, tags: ['v1'] })
    const digests = (await flow.packages('mirror/hello')).map(({ oci }) => oci!.digest).sort()
    expect(digests).toEqual([layout.index.digest, ...Object.values(layout.images).map(({ digest }) => digest)].sort())
    // Two images of a layer and a config each: stored once, linked to both repositories.
    expect(await flow.events('v1.blob.stored')).toHaveLength(4)
    expect(await flow.events('v1.blob.linked')).toHaveLength(8)
  })

  it('what comes down is what went up', async () => {
    await flow.page('crane', 'pull')
    for (const { digest } of [layout.index, ...Object.values(layout.images)]) {
      const path = join('blobs', 'sha256', digest.slice('sha256:'.length))
      expect(readFileSync(join(flow.folder, 'pulled', path))).toEqual(readFileSync(join(flow.folder, 'layout', path)))
    }
    expect(await flow.sh('tar -tf files.tar')).toBe('hello\n')
  })

  it('an image made of another has its layers as files, and its annotations as metadata', async () => {
    writeFileSync(join(flow.folder, 'more.tar'), tarOf('more', Buffer.from('more')))
    await flow.page('crane', 'change')
    const labelled = await flow.package('crane/hello:labelled')
    expect(labelled).toMatchObject({ file_count: 2, metadata: { stage: 'release' } })
    expect([...labelled.oci!.tags].sort()).toEqual(['labelled', 'stable'])
    expect(JSON.parse(await flow.sh('crane config localhost:8000/crane/hello:stable'))).toMatchObject({
      config: { Labels: { team: 'ops' }, Entrypoint: ['/hello'] },
    })
  })

  it('tags and repositories are listed', async () => {
    const said = await flow.page('crane', 'list')
    expect(said.trim().split('\n')).toEqual(['labelled', 'more', 'stable', 'v1', 'crane/hello', 'mirror/hello'])
  })

  it('a manifest deleted by digest takes its tags along, one deleted by tag stays', async () => {
    const { digest } = (await flow.package('crane/hello:stable')).oci!
    await flow.page('crane', 'delete')
    expect(await flow.sh('crane ls localhost:8000/crane/hello')).toBe('more\nv1\n')
    expect(await flow.refused(`crane manifest localhost:8000/crane/hello@${digest}`)).toMatch(/MANIFEST_UNKNOWN|404/)
    expect(await flow.refused('crane manifest localhost:8000/mirror/hello:v1')).toMatch(/MANIFEST_UNKNOWN|404/)
    expect(await flow.sh(`crane digest localhost:8000/mirror/hello@${layout.index.digest}`)).toContain('sha256:')
    const deleted = (await flow.events('v1.manifest.deleted')).map(({ payload }) => payload)
    expect(deleted).toMatchObject([{ digest }])
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})
