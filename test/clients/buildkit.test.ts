/** BuildKit, which `docker buildx` drives: images with attestations, bases from the registry, and its cache in it. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientFlow, NOT_ALLOWED } from './client-flow.ts'
import { clientTool } from './client-tools.ts'
import { Daemon } from './daemon.ts'
import { debianTool } from './debian-tools.ts'
import { writeBuildContext } from './images.ts'

const ATTESTATION = 'application/vnd.docker.attestation.manifest.v1+json'

describe('buildkit', () => {
  let flow: ClientFlow
  let daemon: Daemon

  beforeAll(async () => {
    flow = await ClientFlow.open({ clients: { crane: 'crane' } })
    const folder = join(flow.folder, 'buildkit')
    const socket = `unix://${folder}/buildkitd.sock`
    mkdirSync(folder)
    writeFileSync(join(folder, 'buildkitd.toml'), configuration(folder, await debianTool('runc'), flow.registry))
    await flow.wrap('buildctl', 'buildctl', ['--addr', socket])
    daemon = await Daemon.start(await clientTool('buildkitd'), {
      args: ['--config', join(folder, 'buildkitd.toml'), '--addr', socket],
      env: flow.env,
      isReady: async () => (await flow.ran('buildctl debug workers')).code === 0,
    })
    context('context', 'hello\n')
  })
  afterAll(async () => {
    await daemon?.stop()
    await flow?.close()
  })

  it('without credentials nothing is pushed', async () => {
    expect(await flow.refused(build('context', '--output type=image,name=localhost:8000/x/y:v1,push=true'))).toMatch(
      NOT_ALLOWED,
    )
    expect(await flow.events('v1.manifest.put')).toEqual([])
  })

  it('an image for two platforms is pushed with its attestations, which are referrers of their image', async () => {
    await flow.page('buildkit', 'login')
    await flow.page('buildkit', 'push')
    const index = await flow.json<{ manifests: { digest: string; platform: { architecture: string } }[] }>(
      'crane manifest localhost:8000/buildkit/hello:v1',
    )
    const architectures = index.manifests.map(({ platform }) => platform.architecture)
    expect(architectures).toEqual(['amd64', 'arm64', 'unknown', 'unknown'])
    expect(await flow.packages('buildkit/hello')).toHaveLength(5)
    const response = await flow.get(`/v2/buildkit/hello/referrers/${index.manifests[0]!.digest}`, { accept: '*/*' })
    expect(await response.json()).toMatchObject({ manifests: [{ artifactType: ATTESTATION }] })
  })

  it('an image is the base of another, whose layers are mounted', async () => {
    context('derived', 'unused\n')
    const lines = ['FROM localhost:8000/buildkit/hello:v1', 'LABEL team=ops']
    writeFileSync(join(flow.folder, 'derived', 'Dockerfile'), lines.join('\n').replace('localhost:8000', flow.registry))
    const stored = (await flow.events('v1.blob.stored')).length
    await flow.sh(build('derived', '--output type=image,name=localhost:8000/buildkit/derived:v1,push=true'))
    expect(await flow.package('buildkit/derived:v1')).toMatchObject({ file_count: 1 })
    // Its configuration is new, its layer is not.
    expect(await flow.events('v1.blob.stored')).toHaveLength(stored + 1)
  })

  it.each(['true', 'false'])('its cache is kept here and used again, as an image manifest: %s', async (manifest) => {
    const cache = `type=registry,ref=localhost:8000/buildkit/cache-${manifest}:v1`
    const archive = '--output type=oci,dest=out.tar'
    await flow.sh(build('context', `${archive} --export-cache ${cache},mode=max,image-manifest=${manifest}`))
    // The other form is an index that lists blobs which are no manifests.
    const type = manifest === 'true' ? 'image.manifest' : 'image.index'
    expect((await flow.package(`buildkit/cache-${manifest}:v1`)).oci!.media_type).toContain(type)
    await flow.sh('buildctl prune --all')
    const progress = async (rest: string) =>
      (await flow.ran(build('context', `${archive} ${rest} --progress plain`))).stderr
    const fetched = /COPY hello \/hello\n#\d+ sha256:[0-9a-f]{64} [^\n]*done/
    expect(await progress('')).not.toMatch(fetched)
    await flow.sh('buildctl prune --all')
    expect(await progress(`--import-cache ${cache}`)).toMatch(fetched)
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())

  function context(name: string, text: string): void {
    writeBuildContext(join(flow.folder, name), text)
    renameSync(join(flow.folder, name, 'Containerfile'), join(flow.folder, name, 'Dockerfile'))
  }

  function build(folder: string, rest: string): string {
    return `buildctl build --frontend dockerfile.v0 --local context=${folder} --local dockerfile=${folder} ${rest}`
  }
})

/** Everything in one folder, layers as plain folders, and this server without TLS. */
function configuration(folder: string, runc: string, registry: string): string {
  return [
    `root = "${folder}/root"`,
    '[otel]',
    `  socketPath = "${folder}/otel.sock"`,
    '[worker.oci]',
    '  enabled = true',
    '  snapshotter = "native"',
    `  binary = "${runc}"`,
    '[worker.containerd]',
    '  enabled = false',
    `[registry."${registry}"]`,
    '  http = true',
  ].join('\n')
}
