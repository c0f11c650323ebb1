/** containerd, whose fetcher and pusher docker, nerdctl and Kubernetes share: driven by its own `ctr`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesOf } from '../support/bytes.ts'
import { ClientFlow, NOT_ALLOWED, USER } from './client-flow.ts'
import { pageBlock } from './clients-page.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { Daemon } from './daemon.ts'
import { debianTool } from './debian-tools.ts'
import { type ImageLayout, tarOf, writeImageLayout } from './images.ts'

const MIB = 1024 * 1024

describe('containerd', () => {
  let flow: ClientFlow
  let daemon: Daemon
  let layout: ImageLayout
  let socket: string
  /** Images and contents of one namespace are not there in another. */
  const namespace = (name: string) => flow.wrap('ctr', 'ctr', ['--address', socket, '--namespace', name])

  beforeAll(async () => {
    flow = await ClientFlow.open({ clients: { crane: 'crane' } })
    const folder = join(flow.folder, 'containerd')
    socket = join(folder, 'containerd.sock')
    mkdirSync(folder)
    writeFileSync(join(folder, 'config.toml'), configuration(folder, socket))
    await namespace('pusher')
    daemon = await Daemon.start(await debianTool('containerd'), {
      args: ['--config', join(folder, 'config.toml')],
      env: flow.env,
      isReady: async () => (await flow.ran('ctr version')).code === 0,
    })
    layout = writeImageLayout(join(flow.folder, 'layout'), { text: 'hello from containerd\n', tag: 'v1' })
    await flow.sh('tar -C layout -cf layout.tar .')
    await flow.sh('ctr images import --all-platforms --base-name localhost:8000/ctr/hello layout.tar')
  })
  afterAll(async () => {
    await daemon?.stop()
    await flow?.close()
  })

  it('without credentials and with wrong ones nothing is pushed', async () => {
    for (const user of ['', '--user ci:wrong']) {
      const push = `ctr images push --plain-http ${user} localhost:8000/ctr/hello:v1`
      expect(await flow.refused(push)).toMatch(NOT_ALLOWED)
    }
    expect(await flow.events('v1.manifest.put')).toEqual([])
  })

  it('an index is pushed with all its platforms', async () => {
    await flow.page('containerd', 'push')
    const pushed = await flow.package('ctr/hello:v1')
    expect(pushed).toMatchObject({ created_by: USER, oci: { digest: layout.index.digest, tags: ['v1'] } })
    expect(await flow.packages('ctr/hello')).toHaveLength(3)
  })

  it('pushed again under another name it is mounted or there already: no byte is stored again', async () => {
    const stored = (await flow.events('v1.blob.stored')).length
    await flow.page('containerd', 'copy')
    expect((await flow.package('mirror/hello:v1')).oci!.digest).toBe(layout.index.digest)
    expect(await flow.events('v1.blob.stored')).toHaveLength(stored)
  })

  it('it is pulled where nothing of it is, digest for digest', async () => {
    await namespace('puller')
    expect(await flow.sh('ctr images ls -q')).toBe('')
    await flow.page('containerd', 'pull')
    expect(await flow.sh('ctr images ls')).toContain(layout.index.digest)
  })

  it('a download that breaks goes on where it was', async () => {
    const proxy = await CuttingProxy.start(flow.server.port)
    try {
      const layer = tarOf('big', bytesOf(20 * MIB, 1))
      writeFileSync(join(flow.folder, 'big.tar'), layer)
      await flow.sh('crane auth login localhost:8000 -u ci --password-stdin < token.txt')
      await flow.sh('crane append -f big.tar --platform linux/amd64 -t localhost:8000/ctr/big:v1')
      proxy.cutNext('down', 12.3 * MIB)
      const fetch =
        'ctr content fetch --all-platforms --plain-http --user "ci:$(cat token.txt)" localhost:8000/ctr/big:v1'
      await flow.sh(fetch, { server: proxy.address })
      expect(proxy.cuts).toBe(1)
      expect(proxy.passed.down).toBeLessThan(22 * MIB)
      const [file] = await flow.files('ctr/big:v1')
      expect(await flow.sh(`ctr content get ${file!.digest} | sha256sum`)).toContain(file!.digest.slice(7))
    } finally {
      await proxy.stop()
    }
  })

  it('what was pulled runs', async (context) => {
    const result = await flow.ran(pageBlock('containerd', 'run'))
    // Pulling is ours; what a container may do here is the host's.
    if (result.code !== 0 && /OCI runtime|shim|cgroup|mount/.test(result.stderr)) {
      console.log(`ctr run is not possible on this host: ${result.stderr.trim()}`)
      context.skip('ctr run is not possible on this host')
    }
    expect(result).toMatchObject({ code: 0, stdout: 'hello from containerd\n' })
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})

/** Everything in one folder, and none of the plug-ins that reach out of it. */
function configuration(folder: string, socket: string): string {
  return [
    'version = 2',
    `root = "${folder}/root"`,
    `state = "${folder}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    '[grpc]',
    `  address = "${socket}"`,
    '[plugins."io.containerd.internal.v1.opt"]',
    `  path = "${folder}/opt"`,
  ].join('\n')
}
