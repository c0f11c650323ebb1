/** notation: signatures in JWS and COSE as referrers, or under the fallback tag as it does unless told otherwise. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClientFlow, NOT_ALLOWED, USER } from './client-flow.ts'
import { pageBlock } from './clients-page.ts'
import { type PushedPackage, pushFolder } from './signed-package.ts'

const SIGNATURE = 'application/vnd.cncf.notary.signature'

describe('notation', () => {
  let flow: ClientFlow
  let signed: PushedPackage
  const login = pageBlock('notation', 'login')
  /** Its login is of the shell that it is in. */
  const of = ({ reference }: PushedPackage) => ({ before: `${login}\nreference=${reference}` })

  beforeAll(async () => {
    flow = await ClientFlow.open({ clients: { notation: 'notation' } })
    signed = await pushFolder(flow, 'run-17')
    await flow.sh('notation cert generate-test --default build.example')
    // Whose signatures are trusted, and for what.
    const policy = {
      name: 'tests',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict' },
      trustStores: ['ca:build.example'],
      trustedIdentities: ['*'],
    }
    writeFileSync(join(flow.folder, 'policy.json'), JSON.stringify({ version: '1.0', trustPolicies: [policy] }))
    await flow.sh('notation policy import policy.json')
  })
  afterAll(() => flow?.close())

  it('without credentials nothing is signed', async () => {
    expect(await flow.refused(`notation sign --insecure-registry ${signed.reference}`)).toMatch(NOT_ALLOWED)
  })

  it('a package is signed by its digest and verified; one that is not signed is not', async () => {
    await flow.page('notation', 'sign', of(signed))
    expect(await flow.page('notation', 'verify', of(signed))).toContain(
      `Successfully verified signature for ${flow.registry}/ops/run-17@`,
    )
    const other = await pushFolder(flow, 'run-18')
    expect(await flow.refused(`${login}\nnotation verify --insecure-registry ${other.reference}`)).toMatch(
      /no signature/i,
    )
  })

  it('signatures of both formats are referrers, and packages by their signer', async () => {
    const cose = 'notation sign --insecure-registry --force-referrers-tag=false --signature-format cose'
    await flow.sh(`${login}\n${cose} ${signed.reference}`)
    const said = await flow.page('notation', 'list', of(signed))
    const digests = said.match(/sha256:[0-9a-f]{64}/g)!.filter((digest) => digest !== signed.digest)
    expect(digests).toHaveLength(2)
    const types = []
    for (const digest of digests) {
      expect(await flow.package(`ops/run-17@${digest}`)).toMatchObject({ origin: 'oci', created_by: USER })
      types.push((await flow.files(`ops/run-17@${digest}`))[0]!.media_type)
    }
    expect(types.sort()).toEqual(['application/cose', 'application/jose+json'])
    const response = await flow.get(`/v2/ops/run-17/referrers/${signed.digest}?artifactType=${SIGNATURE}`, {
      accept: '*/*',
    })
    const { manifests } = (await response.json()) as { manifests: { digest: string }[] }
    expect(manifests.map(({ digest }) => digest).sort()).toEqual([...digests].sort())
  })

  it('unless told otherwise it writes the fallback tag too, which changes nothing', async () => {
    const other = await pushFolder(flow, 'run-19')
    await flow.sh(`${login}\nnotation sign --insecure-registry ${other.reference}`)
    const tag = other.digest.replace(':', '-')
    expect((await flow.package(`ops/run-19:${tag}`)).oci!.media_type).toContain('image.index')
    expect(await flow.page('notation', 'verify', of(other))).toContain('Successfully verified')
    expect((await flow.package(`ops/run-19@${other.digest}`)).oci!.tags).toEqual([other.id])
  })

  it('a signature of another key is not trusted', async () => {
    const other = await pushFolder(flow, 'run-20')
    await flow.sh('notation cert generate-test --default other.example')
    await flow.page('notation', 'sign', of(other))
    await flow.refused(`${login}\nnotation verify --insecure-registry ${other.reference}`)
    expect(await flow.page('notation', 'verify', of(signed))).toContain('Successfully verified')
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})
