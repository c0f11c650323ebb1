/** umoci: images unpacked, changed and made in an OCI layout that skopeo carries to and from the registry. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientFlow } from './client-flow.ts'
import { HERE, helloProgram, writeImageLayout } from './images.ts'

describe('umoci', () => {
  let flow: ClientFlow

  beforeAll(async () => {
    flow = await ClientFlow.open({ clients: { umoci: 'umoci', skopeo: 'skopeo' } })
    writeImageLayout(join(flow.folder, 'source'), { text: 'hello\n', tag: 'v1' })
    await flow.page('skopeo', 'login')
    await flow.sh('skopeo copy --all --dest-tls-verify=false oci:source:v1 docker://localhost:8000/umoci/hello:v1')
  })
  afterAll(() => flow?.close())

  it('an image that was pulled is unpacked, and is what was pushed', async () => {
    await flow.page('umoci', 'unpack')
    writeFileSync(join(flow.folder, 'expected'), helloProgram(HERE, 'hello\n'))
    await flow.sh('cmp bundle/rootfs/hello expected')
  })

  it('what was changed is one more layer, and one more file of the package', async () => {
    appendFileSync(join(flow.folder, 'bundle', 'rootfs', 'note.txt'), 'added')
    await flow.page('umoci', 'repack')
    const pushed = await flow.package('umoci/hello:v2')
    expect(pushed).toMatchObject({ file_count: 2, oci: { media_type: 'application/vnd.oci.image.manifest.v1+json' } })
    const digestsOf = async (image: string) => (await flow.files(image)).map(({ digest }) => digest)
    const base = (await flow.packages('umoci/hello')).filter(({ file_count: files }) => files === 1)
    const old = (await Promise.all(base.map(({ oci }) => digestsOf(`umoci/hello@${oci!.digest}`)))).flat()
    // The old layer is the old blob. Files are in the order of their paths, which says nothing of which layer came first.
    expect((await digestsOf('umoci/hello:v2')).filter((digest) => old.includes(digest))).toHaveLength(1)
  })

  it('an image made from nothing is pushed and pulled', async () => {
    writeFileSync(join(flow.folder, 'hello'), helloProgram(HERE, 'made by umoci\n'), { mode: 0o755 })
    await flow.page('umoci', 'new')
    expect(await flow.package('umoci/new:v1')).toMatchObject({ file_count: 1 })
    await flow.sh('skopeo copy --src-tls-verify=false docker://localhost:8000/umoci/new:v1 oci:back:v1')
    await flow.sh('umoci unpack --image back:v1 back-bundle')
    await flow.sh('cmp back-bundle/rootfs/hello hello')
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})
