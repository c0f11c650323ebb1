/** buildah: images from a Containerfile and by hand, in OCI and Docker types, pushed and pulled. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientFlow, NOT_ALLOWED } from './client-flow.ts'
import { writeBuildContext } from './images.ts'

describe('buildah', () => {
  let flow: ClientFlow
  const storage = (name: string) =>
    flow.wrap('buildah', 'buildah', [
      ...['--root', join(flow.folder, name, 'root'), '--runroot', join(flow.folder, name, 'run')],
      ...['--storage-driver', 'vfs'],
    ])

  beforeAll(async () => {
    flow = await ClientFlow.open()
    await storage('pusher')
    writeBuildContext(join(flow.folder, 'context'), 'hello from buildah\n')
  })
  afterAll(() => flow?.close())

  it('a wrong token is refused at login', async () => {
    const login = 'echo wrong | buildah login --tls-verify=false -u ci --password-stdin localhost:8000'
    expect(await flow.refused(login)).toMatch(NOT_ALLOWED)
  })

  it('an image of a Containerfile is pushed in OCI types and in Docker types', async () => {
    await flow.page('buildah', 'login')
    await flow.page('buildah', 'push')
    const types = await Promise.all(
      ['v1', 'docker'].map(async (tag) => (await flow.package(`buildah/hello:${tag}`)).oci!.media_type),
    )
    expect(types).toEqual([
      'application/vnd.oci.image.manifest.v1+json',
      'application/vnd.docker.distribution.manifest.v2+json',
    ])
  })

  it('an image made by hand is pushed, pulled where nothing of it is, and has the same files', async () => {
    await flow.page('buildah', 'scratch')
    const pushed = await flow.package('buildah/scratch:v1')
    expect(pushed.file_count).toBe(1)
    await storage('puller')
    await flow.page('buildah', 'pull')
    const digest = await flow.sh("buildah images --format '{{.Digest}}' localhost:8000/buildah/scratch:v1")
    expect(digest.trim()).toBe(pushed.oci!.digest)
    const mount = 'buildah mount $(buildah from --pull-never localhost:8000/buildah/scratch:v1)'
    await flow.sh(`cmp "$(${mount})/hello" context/hello; buildah rm -a > empty.txt`)
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})
