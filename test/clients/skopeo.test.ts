/** skopeo: images from and to layouts, archives and folders, with OCI and Docker types, and whole repositories at once. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow, NOT_ALLOWED } from './client-flow.ts'
import { type ImageLayout, writeImageLayout } from './images.ts'

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json'
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'

describe.each(DATABASES)('skopeo on $engine', (database) => {
  let flow: ClientFlow
  let layout: ImageLayout
  const typeOf = async (reference: string) => (await flow.package(reference)).oci!.media_type

  beforeAll(async () => {
    flow = await ClientFlow.open({ database, clients: { skopeo: 'skopeo' } })
    layout = writeImageLayout(join(flow.folder, 'layout'), { text: 'hello\n', tag: 'v1' })
  })
  afterAll(() => flow?.close())

  it('a wrong token is refused at login, and without one nothing is pushed', async () => {
    const login = 'echo wrong | skopeo login --tls-verify=false -u ci --password-stdin localhost:8000'
    expect(await flow.refused(login)).toMatch(NOT_ALLOWED)
    expect(
      await flow.refused('skopeo copy --dest-tls-verify=false oci:layout:v1 docker://localhost:8000/skopeo/hello:v1'),
    ).toMatch(NOT_ALLOWED)
    expect(await flow.events('v1.manifest.put')).toEqual([])
  })

  it('an index goes from a layout to a repository and back, digest for digest', async () => {
    await flow.page('skopeo', 'login')
    await flow.page('skopeo', 'oci')
    expect((await flow.package('skopeo/hello:v1')).oci).toMatchObject({ digest: layout.index.digest, tags: ['v1'] })
    expect(await flow.packages('skopeo/hello')).toHaveLength(3)
    const back = await flow.sh('skopeo inspect --raw oci:pulled:v1')
    expect(back).toBe(await flow.sh('skopeo inspect --raw oci:layout:v1'))
  })

  it('an image goes to a docker archive and from one, with Docker types', async () => {
    await flow.page('skopeo', 'archive')
    expect(await flow.sh('tar -tf hello.tar')).toContain('manifest.json')
    expect(await typeOf('skopeo/archive:v1')).toBe(DOCKER)
    const config = (reference: string) =>
      flow.sh(`skopeo inspect --config --tls-verify=false docker://localhost:8000/skopeo/${reference}`)
    expect(JSON.parse(await config('archive:v1'))).toEqual(JSON.parse(await config('hello:v1')))
  })

  it('an image changes its types on the way', async () => {
    await flow.page('skopeo', 'types')
    expect(await typeOf('skopeo/docker:v1')).toBe(DOCKER)
    expect(await typeOf('skopeo/oci:v1')).toBe(OCI)
    const list = 'skopeo copy --all --format v2s2 --dest-tls-verify=false oci:layout:v1'
    await flow.sh(`${list} docker://localhost:8000/skopeo/list:v1`)
    expect(await typeOf('skopeo/list:v1')).toBe(DOCKER_LIST)
    // Both platforms of the list, in Docker types.
    const types = (await flow.packages('skopeo/list')).map(({ oci }) => oci!.media_type)
    expect(types.sort()).toEqual([DOCKER_LIST, DOCKER, DOCKER].sort())
  })

  it('an image is looked at without being pulled', async () => {
    const said = await flow.page('skopeo', 'inspect')
    expect(said).toContain('"RepoTags": [\n        "v1"\n    ]')
    expect(said).toContain('"Repository": "')
  })

  it('a repository with all its tags goes to a folder and to another repository', async () => {
    mkdirSync(join(flow.folder, 'mirror'))
    await flow.sh(
      'skopeo copy --all --src-tls-verify=false --dest-tls-verify=false docker://localhost:8000/skopeo/hello:v1 docker://localhost:8000/skopeo/hello:v2',
    )
    await flow.page('skopeo', 'sync')
    const synced = await flow.package('mirror/hello:v1')
    expect(synced.oci).toMatchObject({ digest: layout.index.digest })
    expect([...synced.oci!.tags].sort()).toEqual(['v1', 'v2'])
  })

  it('a deleted image is gone with its tags, whichever of them was named', async () => {
    await flow.page('skopeo', 'delete')
    expect(await flow.refused('skopeo inspect --tls-verify=false docker://localhost:8000/mirror/hello:v2')).toMatch(
      /manifest unknown|no manifest|404/i,
    )
    expect(await flow.sh('skopeo list-tags --tls-verify=false docker://localhost:8000/mirror/hello')).toMatch(
      /"Tags": \[\]/,
    )
    const deleted = (await flow.events('v1.manifest.deleted')).map(({ payload }) => payload)
    expect(deleted).toMatchObject([{ digest: layout.index.digest }])
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})
