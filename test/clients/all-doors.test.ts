/**
 * The package that crosses all doors: pushed by `artifactstore`, pulled by oras, signed and attested by cosign 3 (a
 * bundle as referrer) and cosign 2 (tags beside the package), verified, and found wanting wherever somebody tampered.
 * Each version signs a package of its own: cosign 2 refuses to verify where it meets a bundle of cosign 3.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ReferrerPageJson } from '../../src/native-api/wire.ts'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow, USER } from './client-flow.ts'
import { digestOf } from './images.ts'
import {
  BUNDLE_TYPE,
  COSIGN_VERSIONS,
  cosignEnv,
  DSSE_TYPE,
  PREDICATE,
  PREDICATE_TYPE,
  type PushedPackage,
  prepareCosign,
  pushFolder,
  SIMPLE_SIGNING_TYPE,
  seenThroughOtherDoors,
  signAndAttest,
} from './signed-package.ts'
import { treeOf } from './trees.ts'

describe.each(DATABASES)('the package that crosses all doors on $engine', (database) => {
  let flow: ClientFlow

  beforeAll(async () => {
    flow = await ClientFlow.open({ database, clients: { oras: 'oras', crane: 'crane' } })
    await flow.page('oras', 'login')
  })
  afterAll(() => flow?.close())

  describe.each(COSIGN_VERSIONS)('with %s', (version) => {
    let signed: PushedPackage
    let unsigned: PushedPackage
    const verify = (pushed: PushedPackage) => flow.page('cosign', 'verify', cosignEnv(flow, pushed))
    const refused = (pushed: PushedPackage, key = 'cosign.pub') =>
      flow.refused(
        `cosign verify --key ${key} --insecure-ignore-tlog=true --allow-http-registry ${pushed.reference}`,
        cosignEnv(),
      )

    const ours = ({ id }: PushedPackage, key = 'cosign.pub') => `artifactstore verify ${id} --key ${key}`

    beforeAll(async () => {
      await prepareCosign(flow, version)
      signed = await pushFolder(flow, `signed-${version}`)
      unsigned = await pushFolder(flow, `unsigned-${version}`)
    })

    it('a folder pushed by the command line is the same tree from oras', async () => {
      await flow.sh(`oras pull --plain-http ${signed.reference} -o pulled-${version}`)
      const tree = await treeOf(join(flow.folder, `signed-${version}`))
      expect(await treeOf(join(flow.folder, `pulled-${version}`))).toEqual(tree)
    })

    it('before it is signed nothing verifies', async () => {
      expect(await refused(signed)).toContain('no signatures found')
      expect(await seenThroughOtherDoors(flow, signed)).toEqual([])
    })

    it('its OCI digest is signed and verified, and the verdict names that digest', async () => {
      await signAndAttest(flow, version, signed)
      const [verdict] = JSON.parse(await verify(signed)) as { critical: { image: object } }[]
      expect(verdict!.critical.image).toEqual({ 'docker-manifest-digest': signed.digest })
    })

    it('its attestation is verified, and is about that digest and no other', async () => {
      const said = await flow.page('cosign', 'verify-attestation', cosignEnv(flow, signed))
      const { payload } = JSON.parse(said) as { payload: string }
      expect(JSON.parse(Buffer.from(payload, 'base64').toString())).toMatchObject({
        predicateType: PREDICATE_TYPE,
        predicate: PREDICATE,
        subject: [{ digest: { sha256: signed.digest.slice('sha256:'.length) } }],
      })
    })

    it('the native API has signature and attestation as packages by their signer, and the package as it was', async () => {
      const seen = await seenThroughOtherDoors(flow, signed)
      const types = version === 'cosign3' ? [BUNDLE_TYPE, BUNDLE_TYPE] : [SIMPLE_SIGNING_TYPE, DSSE_TYPE]
      expect(seen.map(({ kind, file }) => [kind, file.media_type])).toEqual([
        ['signature', types[0]],
        ['attestation', types[1]],
      ])
      const tag = signed.digest.replace(':', '-')
      const tags = version === 'cosign3' ? [[], []] : [[`${tag}.sig`], [`${tag}.att`]]
      expect(seen.map((each) => each.package.oci!.tags)).toEqual(tags)
      for (const each of seen) expect(each.package).toMatchObject({ origin: 'oci', created_by: USER })
      const { oci, status } = await flow.package(`${signed.repository}@${signed.digest}`)
      expect([oci!.digest, oci!.tags, status]).toEqual([signed.digest, [signed.id], 'finalized'])
      await flow.sh(`artifactstore pull ${signed.id} -o from-cli-${version}`)
      await flow.sh(`diff -r from-cli-${version} signed-${version}`)
    })

    it('the referrers of its digest are the bundles, or nothing where signatures are tags', async () => {
      const response = await flow.get(`/v2/${signed.repository}/referrers/${signed.digest}`, { accept: '*/*' })
      const { manifests } = (await response.json()) as { manifests: { artifactType: string; digest: string }[] }
      const seen = version === 'cosign3' ? await seenThroughOtherDoors(flow, signed) : []
      expect(manifests.map(({ digest }) => digest).sort()).toEqual(seen.map((each) => each.package.oci!.digest).sort())
      expect(manifests.map(({ artifactType }) => artifactType)).toEqual(seen.map(() => BUNDLE_TYPE))
      const tree = await flow.page('cosign', 'tree', cosignEnv(flow, signed))
      expect(tree).toMatch(
        version === 'cosign3' ? /sign\/v1 artifacts via OCI referrer/ : /Signatures for an image tag/,
      )
    })

    it('another key does not verify', async () => {
      await flow.sh('mkdir -p other && cd other && rm -f cosign.* && cosign generate-key-pair', cosignEnv())
      expect(await refused(signed, 'other/cosign.pub')).toMatch(REASONS[version].badSignature)
    })

    it('the command line lists signature and attestation, and comes to the verdicts of cosign', async () => {
      const { referrers } = await flow.api<ReferrerPageJson>(`/packages/${signed.id}/referrers`)
      expect(referrers.map(({ kind }) => kind).sort()).toEqual(['attestation', 'signature'])
      expect(await flow.sh(`artifactstore inspect ${signed.id}`)).toMatch(
        /attestation[\s\S]*signature|signature[\s\S]*attestation/,
      )
      await flow.sh(`artifactstore verify ${signed.id} --key cosign.pub --against signed-${version}`)
      expect((await flow.ran(ours(signed, 'other/cosign.pub'))).code).toBe(UNKNOWN_KEY)
    })

    it('a signature carried over to another digest does not verify there', async () => {
      await plant(unsigned, (await signatureOf(signed)).content)
      expect(await refused(unsigned)).toMatch(REASONS[version].otherDigest)
      expect((await flow.ran(ours(unsigned))).code).toBe(TAMPERED)
    })

    it('a payload changed under its signature does not verify', async () => {
      const { content } = await signatureOf(signed)
      const forged = forge(content, signed.digest, unsigned.digest)
      expect(forged).not.toBe(content)
      await plant(unsigned, forged)
      expect(await refused(unsigned)).toMatch(REASONS[version].badSignature)
      // What cosign 2 writes names no key: a changed payload cannot be told from a stranger's (docs/signatures.md).
      expect((await flow.ran(ours(unsigned))).code).toBe(version === 'cosign3' ? TAMPERED : UNKNOWN_KEY)
      expect(await verify(signed)).toContain(signed.digest)
    })

    /** The document that is the signature, and the annotations of its layer. */
    async function signatureOf(pushed: PushedPackage): Promise<{ content: string; layer: Layer }> {
      const [seen] = await seenThroughOtherDoors(flow, pushed)
      const at = `localhost:8000/${pushed.repository}@`
      const manifest = await flow.json<{ layers: Layer[] }>(
        `oras manifest fetch --plain-http ${at}${seen!.package.oci!.digest}`,
      )
      const layer = manifest.layers[0]!
      return { content: await flow.sh(`oras blob fetch --plain-http --output - ${at}${layer.digest}`), layer }
    }

    /** Puts `content` where cosign looks for the signature of a package, with the signature's own annotations. */
    async function plant(pushed: PushedPackage, content: string): Promise<void> {
      writeFileSync(join(flow.folder, 'planted.json'), content)
      if (version === 'cosign3') {
        const attach = `oras attach --plain-http --artifact-type ${BUNDLE_TYPE} ${pushed.reference}`
        await flow.sh(`${attach} planted.json:${BUNDLE_TYPE}`)
        return
      }
      const { layer } = await signatureOf(signed)
      const repository = `localhost:8000/${pushed.repository}`
      await flow.sh(`oras blob push --plain-http ${repository} planted.json`)
      await flow.sh(`printf '{}' > empty.json; oras blob push --plain-http ${repository} empty.json`)
      const config = {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(Buffer.from('{}')),
        size: 2,
      }
      const planted = { ...layer, digest: digestOf(Buffer.from(content)), size: Buffer.byteLength(content) }
      const mediaType = 'application/vnd.oci.image.manifest.v1+json'
      writeFileSync(
        join(flow.folder, 'manifest.json'),
        JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [planted] }),
      )
      const tag = `${pushed.digest.replace(':', '-')}.sig`
      await flow.sh(`oras manifest push --plain-http ${repository}:${tag} manifest.json`)
      expect((await flow.package(`${pushed.repository}:${tag}`)).file_count).toBe(1)
    }
  })

  it('cosign 2 does not verify a package that also carries a bundle of cosign 3, which cosign 3 does', async () => {
    const both = await pushFolder(flow, 'signed-by-both')
    await prepareCosign(flow, 'cosign2')
    await signAndAttest(flow, 'cosign2', both)
    await flow.page('cosign', 'verify', cosignEnv(flow, both))
    await flow.wrap('cosign', 'cosign3', [])
    await signAndAttest(flow, 'cosign3', both)
    await flow.page('cosign', 'verify', cosignEnv(flow, both))
    await flow.wrap('cosign', 'cosign2', [])
    const verify = 'cosign verify --key cosign.pub --insecure-ignore-tlog=true --allow-http-registry'
    expect(await flow.refused(`${verify} ${both.reference}`, cosignEnv())).toContain('trusted root is required')
    expect(await seenThroughOtherDoors(flow, both)).toHaveLength(4)
  })

  it('afterwards the log is whole and the views are its fold', () => flow.settle())
})

/** How each version says what is wrong: a refusal for another reason proves nothing. */
const REASONS = {
  cosign3: {
    badSignature: /accepted signatures do not match threshold/,
    otherDigest: /artifact digest does not match any digest in statement/,
  },
  cosign2: { badSignature: /invalid signature/, otherDigest: /invalid or missing digest in claim/ },
}

/** How `artifactstore verify` ends: docs/cli.md, "Exit codes". */
const TAMPERED = 7
const UNKNOWN_KEY = 8

interface Layer {
  readonly digest: string
  readonly annotations: Record<string, string>
}

/** The signed text with one digest for the other; in a bundle it stands in base64. */
function forge(content: string, from: string, to: string): string {
  const swapped = (text: string) => text.replaceAll(from.slice('sha256:'.length), to.slice('sha256:'.length))
  const parsed = JSON.parse(content) as { dsseEnvelope?: { payload: string } }
  if (!parsed.dsseEnvelope) return swapped(content)
  const statement = Buffer.from(parsed.dsseEnvelope.payload, 'base64').toString()
  parsed.dsseEnvelope.payload = Buffer.from(swapped(statement)).toString('base64')
  return JSON.stringify(parsed)
}
