/**
 * Transfers that break in the middle: who goes on where it was, who begins the blob again, who wants to be run again,
 * and that nobody takes a part for the whole. The table "Interrupted transfers" of docs/clients.md says the same.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bytesOf } from '../support/bytes.ts'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow, type LoggedRequest } from './client-flow.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { digestOf, tarOf } from './images.ts'

const MIB = 1024 * 1024
const SIZE = 20 * MIB
/** Past the middle, and in the middle of a chunk. */
const CUT = 12.3 * MIB
const CHUNKS = 'regctl registry set localhost:8000 --blob-max 1048576 --blob-chunk 1048576'

describe('a connection that breaks', () => {
  let flow: ClientFlow
  let proxy: CuttingProxy
  const through = (script: string) => flow.sh(script, { server: proxy.address })
  const refused = (script: string) => flow.refused(script, { server: proxy.address })
  const write = (name: string, bytes: Buffer) => writeFileSync(join(flow.folder, name), bytes)

  beforeAll(async () => {
    flow = await ClientFlow.open({ clients: { regctl: 'regctl', crane: 'crane', oras: 'oras', skopeo: 'skopeo' } })
    proxy = await CuttingProxy.start(flow.server.port)
    for (const client of ['regctl', 'crane', 'oras', 'skopeo']) {
      await flow.page(client, 'login', { server: proxy.address })
    }
    await through(CHUNKS)
    write('big.bin', bytesOf(SIZE, 1))
    await through('oras push --plain-http localhost:8000/down/file:v1 big.bin')
    write('layer.tar', tarOf('big', bytesOf(SIZE, 2)))
    await through('crane append -f layer.tar -t localhost:8000/down/image:v1')
  })
  let cuts = 0
  beforeEach(() => {
    cuts = proxy.cuts
  })
  /** A transfer that was not broken shows nothing. */
  const expectCut = () => expect(proxy.cuts).toBe(cuts + 1)
  afterAll(async () => {
    await proxy?.stop()
    await flow?.close()
  })

  it('regctl goes on with an upload where the server has it', async () => {
    const bytes = bytesOf(SIZE, 3)
    write('resumed.bin', bytes)
    const requests = await flow.requestsOf(async () => {
      proxy.cutNext('up', CUT)
      expect((await through('regctl blob put localhost:8000/up/regctl < resumed.bin')).trim()).toBe(digestOf(bytes))
    })
    expectCut()
    // Once the whole, the broken chunk twice, and no second upload.
    expect(proxy.passed.up).toBeLessThan(SIZE + 2 * MIB)
    expect(uploadsBegun(requests)).toBe(1)
    await through(`regctl blob get localhost:8000/up/regctl ${digestOf(bytes)} | cmp - resumed.bin`)
  })

  it('regctl goes on with a download', async () => {
    proxy.cutNext('down', CUT)
    await through(`regctl blob get localhost:8000/down/file ${digestOf(bytesOf(SIZE, 1))} > down.bin`)
    expectCut()
    expect(proxy.passed.down).toBeLessThan(SIZE + 2 * MIB)
    expect(readFileSync(join(flow.folder, 'down.bin')).equals(bytesOf(SIZE, 1))).toBe(true)
  })

  it('crane begins the blob again by itself', async () => {
    write('again.bin', bytesOf(SIZE, 4))
    write('again.tar', tarOf('again', bytesOf(SIZE, 4)))
    proxy.cutNext('up', CUT)
    await through('crane append -f again.tar -t localhost:8000/up/crane:v1')
    expectCut()
    expect(proxy.passed.up).toBeGreaterThan(SIZE + CUT - MIB)
    expect(await flow.package('up/crane:v1')).toMatchObject({ file_count: 1 })
    await through('crane export localhost:8000/up/crane:v1 - | tar -xO again | cmp - again.bin')
  })

  it.each([
    ['oras', 'oras push --plain-http localhost:8000/up/oras:v1 small.bin large.bin'],
    ['skopeo', 'skopeo copy --dest-tls-verify=false docker-archive:archive.tar docker://localhost:8000/up/skopeo:v1'],
  ])('%s fails and leaves no package; run again it sends what is not there yet', async (client, push) => {
    write('small.bin', bytesOf(3 * MIB, 6))
    write('large.bin', bytesOf(SIZE, 7))
    // An image of two layers, as the command that makes archives of them sees it.
    write('small.tar', tarOf('small', bytesOf(3 * MIB, 6)))
    write('large.tar', tarOf('large', bytesOf(SIZE, 7)))
    await through('crane append -f small.tar -f large.tar -t example/parts:v1 -o archive.tar')
    proxy.cutNext('up', CUT)
    await refused(push)
    expectCut()
    expect(await flow.packages(`up/${client}`)).toEqual([])
    await through(push)
    expect(await flow.package(`up/${client}:v1`)).toMatchObject({ file_count: 2 })
    // Pushed once more: everything is there.
    proxy.cutNext('up', SIZE)
    await through(push)
    expect(proxy.passed.up).toBeLessThan(MIB)
  })

  it.each([
    ['oras', 'oras pull --plain-http localhost:8000/down/file:v1 -o out && cmp out/big.bin big.bin'],
    ['crane', 'crane export localhost:8000/down/image:v1 - | tar -xO big > big.out && test -s big.out'],
    ['skopeo', 'skopeo copy --src-tls-verify=false docker://localhost:8000/down/image:v1 dir:out-skopeo'],
  ])('%s calls half a download a failure, and run again has the whole', async (_client, script) => {
    proxy.cutNext('down', CUT)
    await refused(script)
    expectCut()
    await through(script)
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})

describe.each(DATABASES)('a server killed in the middle on $engine', (database) => {
  let flow: ClientFlow
  /** It keeps a connection waiting until the server is back, as what stands before servers does. */
  let proxy: CuttingProxy

  beforeAll(async () => {
    flow = await ClientFlow.open({ database, clients: { regctl: 'regctl' } })
    proxy = await CuttingProxy.start(flow.server.port)
    await flow.page('regctl', 'login', { server: proxy.address })
    await flow.sh(CHUNKS, { server: proxy.address })
  })
  afterAll(async () => {
    await proxy?.stop()
    await flow?.close()
  })

  it('regctl goes on with its upload when it is back', async () => {
    const bytes = bytesOf(SIZE, 8)
    writeFileSync(join(flow.folder, 'big.bin'), bytes)
    await flow.server.stop('SIGKILL')
    await flow.server.start({ ARTIFACTSTORE_FAILPOINTS: 'upload.after-write=kill@12' })
    const putting = flow.ran('regctl blob put localhost:8000/killed/regctl < big.bin', { server: proxy.address })
    expect(await flow.server.ended()).toBe('SIGKILL')
    await flow.server.start()
    const requests = await flow.requestsOf(async () => {
      expect(await putting).toMatchObject({ code: 0, stdout: `${digestOf(bytes)}\n` })
    })
    expect(requests.filter(({ method, status }) => method === 'PUT' && status === 201)).toHaveLength(1)
    expect(uploadsBegun(requests)).toBe(0)
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})

function uploadsBegun(requests: readonly LoggedRequest[]): number {
  return requests.filter(({ method, status }) => method === 'POST' && status === 202).length
}
