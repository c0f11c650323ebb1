/** Signatures over HTTP: what is listed, what is said of it, and the bytes by which a client can judge for itself. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PackageJson, ReferrerPageJson } from '../../src/native-api/wire.ts'
import { attachBundle, attachSimple, type Signed, signedPackage } from '../support/attach-signatures.ts'
import { BUNDLE_TYPE, hexOf, makeSigner, signedBundle } from '../support/signatures.ts'
import { type Door, openDoor } from './native-fixture.ts'

const release = makeSigner('release')
const stranger = makeSigner('stranger')
const PROVENANCE = 'https://slsa.dev/provenance/v1'

let door: Door
let pushed: PackageJson
let signed: Signed
let bundle: Buffer
beforeAll(async () => {
  door = await openDoor({ dependencies: { signingKeys: [release.trusted] } })
  pushed = await door.finalized({ 'a.txt': 'a' })
  signed = await signedPackage(door.registry, pushed.id)
  bundle = signedBundle(release, signed.manifest, PROVENANCE)
  await attachBundle(door, signed, { signer: release, predicateType: PROVENANCE, bundle })
  await attachSimple(door, signed, { signers: [stranger, release] })
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

const page = async (query = ''): Promise<ReferrerPageJson> =>
  (await door.send('GET', `/packages/${pushed.id}/referrers${query}`)).json as ReferrerPageJson

describe('the referrers of a package', () => {
  it('are refused for an unknown package, a wrong cursor, a limit of nothing and an unknown parameter', async () => {
    const code = async (path: string) => (await door.refusal('GET', path)).code
    expect(await code('/packages/nobody/referrers')).toBe('package-unknown')
    expect(await code(`/packages/${pushed.id}/referrers?cursor=x`)).toBe('cursor-unknown')
    expect(await code(`/packages/${pushed.id}/referrers?limit=0`)).toBe('field-invalid')
    expect(await code(`/packages/${pushed.id}/referrers?artifactType=x`)).toBe('field-invalid')
  })

  it('are told with kind, verdicts and what to read to check them', async () => {
    const { referrers, next_cursor } = await page()
    expect(next_cursor).toBeNull()
    expect(referrers).toEqual([
      {
        kind: 'signature',
        package_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        digest: expect.stringMatching(/^sha256:/),
        media_type: 'application/vnd.oci.image.manifest.v1+json',
        artifact_type: 'application/vnd.oci.empty.v1+json',
        size: expect.any(Number),
        annotations: {},
        tag: `sha256-${hexOf(signed.manifest)}.sig`,
        signatures: [
          {
            verdict: 'unknown-key',
            kind: 'signature',
            format: 'cosign-simple-signing',
            layer: expect.stringMatching(/^sha256:/),
            reason: expect.stringContaining('none of the known keys'),
          },
          expect.objectContaining({ verdict: 'valid', key: 'release' }),
        ],
      },
      {
        kind: 'attestation',
        package_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        digest: expect.stringMatching(/^sha256:/),
        media_type: 'application/vnd.oci.image.manifest.v1+json',
        artifact_type: BUNDLE_TYPE,
        size: expect.any(Number),
        annotations: {
          'dev.sigstore.bundle.content': 'dsse-envelope',
          'dev.sigstore.bundle.predicateType': PROVENANCE,
        },
        tag: null,
        signatures: [
          {
            verdict: 'valid',
            kind: 'attestation',
            format: 'sigstore-bundle',
            layer: `sha256:${hexOf(bundle)}`,
            key: 'release',
            predicate_type: PROVENANCE,
          },
        ],
      },
    ])
  })

  it('come in pages and by artifact type', async () => {
    const first = await page('?limit=1')
    expect(first.referrers).toHaveLength(1)
    const second = await page(`?limit=1&cursor=${first.next_cursor}`)
    expect([...first.referrers, ...second.referrers]).toEqual((await page()).referrers)
    const types = `artifact_type=${encodeURIComponent(BUNDLE_TYPE)}&artifact_type=x`
    expect((await page(`?${types}`)).referrers.map(({ kind }) => kind)).toEqual(['attestation'])
  })

  it('can be read by their package, down to the signed bytes', async () => {
    const referrer = (await page()).referrers.find(({ kind }) => kind === 'attestation')!
    const manifest = await door.send('GET', `/packages/${referrer.package_id}/manifest`)
    expect(`sha256:${createHash('sha256').update(manifest.bytes).digest('hex')}`).toBe(referrer.digest)
    const { json } = await door.send('GET', `/packages/${referrer.package_id}/files`)
    const [file] = (json as { files: { id: string; digest: string }[] }).files
    expect(file!.digest).toBe(referrer.signatures[0]!.layer)
    expect((await door.send('GET', `/files/${file!.id}/download`)).bytes.equals(bundle)).toBe(true)
  })
})

describe('the OCI manifest of a package', () => {
  it('is refused for a draft', async () => {
    const { id } = await door.newPackage({ name: 'open' })
    expect(await door.refusal('GET', `/packages/${id}/oci-manifest`)).toMatchObject({ code: 'package-not-finalized' })
  })

  it('is what /v2/ serves, under its digest and type, and unchanged for ever', async () => {
    const answer = await door.send('GET', `/packages/${pushed.id}/oci-manifest`)
    expect(answer.bytes.equals(signed.manifest)).toBe(true)
    expect(answer.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json')
    expect(answer.headers.get('docker-content-digest')).toBe(pushed.oci!.digest)
    const again = { headers: { 'if-none-match': `"${pushed.oci!.digest}"` } }
    expect((await door.send('GET', `/packages/${pushed.id}/oci-manifest`, again)).status).toBe(304)
  })
})
