/** What refers to a package, and what the configured keys say of it. */
import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PackageReferrer } from '../../src/registry/index.ts'
import { attachBundle, attachEnvelope, attachSimple, type Signed, signedPackage } from '../support/attach-signatures.ts'
import { bytesOf } from '../support/bytes.ts'
import { DATABASES } from '../support/databases.ts'
import { codeOf } from '../support/refusals.ts'
import {
  ACTOR,
  blake3Of,
  createDraft,
  descriptorOf,
  expectSound,
  finalizedPackage,
  imageOf,
  openTestStore,
  pushBlob,
  putManifest,
  repo,
  type TestStore,
} from '../support/registry-steps.ts'
import { BUNDLE_TYPE, bundleManifest, hexOf, makeSigner, signedBundle } from '../support/signatures.ts'

const release = makeSigner('release')
const stranger = makeSigner('stranger')
const PROVENANCE = 'https://slsa.dev/provenance/v1'

const cursorAfter = ({ digest }: PackageReferrer) =>
  Buffer.from(JSON.stringify(['subject', digest])).toString('base64url')

describe.each(DATABASES)('what refers to a package on $engine', (engine) => {
  let store: TestStore
  let id: string
  let signed: Signed
  beforeEach(async () => {
    store = await openTestStore(engine, { signingKeys: [release.trusted] })
    id = (await finalizedPackage(store)).id
    signed = await signedPackage(store.registry, id)
  })
  afterEach(() => store.close())

  const list = async (packageId = id, limit = 100): Promise<readonly PackageReferrer[]> =>
    (await store.registry.signatures.list(packageId, { limit })).items
  const summary = (items: readonly PackageReferrer[]) =>
    items.map(({ kind, tag, signatures }) => [
      kind,
      ...(tag === undefined ? [] : [tag.slice(tag.lastIndexOf('.'))]),
      ...signatures.map(({ verdict, key }) => `${verdict} ${key ?? '-'}`),
    ])

  it('is unknown for an unknown package and for a cursor of another list', async () => {
    expect(await codeOf(() => list('nobody'))).toBe('package-unknown')
    expect(await codeOf(() => store.registry.signatures.list(id, { limit: 1, cursor: 'x' }))).toBe('cursor-unknown')
  })

  it('is nothing for a draft, and for a package to which nothing refers', async () => {
    expect(await list((await createDraft(store, { name: 'open' })).id)).toEqual([])
    expect(await list()).toEqual([])
  })

  it('says unknown-key for a stranger and invalid for a signature that was moved here', async () => {
    const other = await finalizedPackage(store, { 'b.txt': Buffer.from('b') }, { name: 'other' })
    const elsewhere = await signedPackage(store.registry, other.id)
    await attachBundle(store, signed, { signer: stranger })
    await attachBundle(store, signed, { signer: release, bundle: signedBundle(release, elsewhere.manifest) })
    await attachSimple(store, signed, { signers: [release], about: elsewhere.manifest })
    expect(summary(await list()).sort()).toEqual([
      ['signature', '.sig', 'invalid -'],
      ['signature', 'invalid -'],
      ['signature', 'unknown-key -'],
    ])
  })

  it('is invalid where the bytes of the signature never came, or are gone, and that raises the alarm', async () => {
    const [never, lost] = [signedBundle(release, signed.manifest), signedBundle(release, signed.manifest, PROVENANCE)]
    await putManifest(store, signed.repository, bundleManifest(signed.manifest, never))
    await attachBundle(store, signed, { signer: release, predicateType: PROVENANCE, bundle: lost })
    await rm(store.blobPath(blake3Of(lost)))
    const reasons = (await list()).flatMap(({ signatures }) => signatures.map(({ reason }) => reason))
    expect(reasons).toEqual(Array(2).fill('its bytes are missing or damaged'))
    expect(store.alarms).toMatchObject([{ what: 'content-missing' }])
  })

  it('is every signature, attestation, SBOM and other referrer, each with its package', async () => {
    await attachBundle(store, signed, { signer: release })
    const provenance = signedBundle(release, signed.manifest, PROVENANCE)
    await attachBundle(store, signed, { signer: release, predicateType: PROVENANCE, bundle: provenance })
    await attachSimple(store, signed, { signers: [stranger, release] })
    await attachEnvelope(store, signed, { signer: release, predicateType: PROVENANCE })
    const sbom = imageOf({ layers: [descriptorOf(Buffer.from('sbom'))], artifactType: 'application/spdx+json' })
    await putManifest(store, signed.repository, sbom, `sha256-${hexOf(signed.manifest)}.sbom`)
    const subject = { digest: `sha256:${hexOf(signed.manifest)}`, size: signed.manifest.length }
    const note = imageOf({ subject, artifactType: 'application/vnd.example.note', annotations: { by: 'ops' } })
    const put = await putManifest(store, signed.repository, note)
    const found = await list()
    expect(summary(found.slice(0, 3))).toEqual([
      ['attestation', '.att', 'valid release'],
      ['sbom', '.sbom'],
      ['signature', '.sig', 'unknown-key -', 'valid release'],
    ])
    expect(summary(found.slice(3)).sort()).toEqual([
      ['attestation', 'valid release'],
      ['referrer'],
      ['signature', 'valid release'],
    ])
    expect(found.find(({ kind }) => kind === 'referrer')).toEqual({
      kind: 'referrer',
      packageId: put.packageId,
      digest: put.digest,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.example.note',
      size: note.length,
      annotations: { by: 'ops' },
      signatures: [],
    })
    const attestation = found.find(({ kind, tag }) => kind === 'attestation' && !tag)
    expect(attestation?.signatures).toEqual([
      {
        verdict: 'valid',
        format: 'sigstore-bundle',
        kind: 'attestation',
        predicateType: PROVENANCE,
        key: 'release',
        layer: `sha256:${hexOf(provenance)}`,
      },
    ])
    await expectSound(store)
  })

  it('comes in pages that together are the whole list, whatever their length', async () => {
    await attachSimple(store, signed, { signers: [release] })
    await attachEnvelope(store, signed, { signer: release, predicateType: PROVENANCE })
    for (const number of [1, 2, 3, 4]) {
      await attachBundle(store, signed, { signer: release, predicateType: `https://example.org/${number}` })
    }
    const whole = await list()
    expect(whole).toHaveLength(6)
    for (const limit of [1, 2, 3, 4, 6]) {
      const pages: PackageReferrer[] = []
      let cursor: string | undefined
      do {
        const page = await store.registry.signatures.list(id, { limit, ...(cursor === undefined ? {} : { cursor }) })
        expect(page.items.length).toBeLessThanOrEqual(limit)
        pages.push(...page.items)
        cursor = page.next
      } while (cursor !== undefined)
      expect(pages, `pages of ${limit}`).toEqual(whole)
    }
  })

  it('ends a page early when much was read for it, and loses nothing', async () => {
    const subject = { digest: `sha256:${hexOf(signed.manifest)}`, size: signed.manifest.length }
    const heavy = (number: number) =>
      imageOf({
        subject,
        artifactType: `application/vnd.example.${number}`,
        annotations: { pad: 'x'.repeat(3_900_000) },
      })
    for (let number = 0; number < 6; number += 1) await putManifest(store, signed.repository, heavy(number))
    const first = await store.registry.signatures.list(id, { limit: 100 })
    expect(first.items).toHaveLength(5)
    const second = await store.registry.signatures.list(id, { limit: 100, cursor: first.next! })
    expect(second).toMatchObject({ items: [{ kind: 'referrer' }] })
    expect(second.next).toBeUndefined()
  })

  it('goes on past one that vanishes while a page is read', async () => {
    for (const number of [1, 2, 3, 4, 5]) {
      await attachBundle(store, signed, { signer: release, predicateType: `https://example.org/${number}` })
    }
    const whole = await list()
    // As a reader sees it that found the row of the referrer, and then its manifest deleted.
    await store.tamper(async (sql) =>
      sql.run("UPDATE manifests SET status = 'deleted' WHERE package_id = ?", [whole[2]!.packageId]),
    )
    const first = await store.registry.signatures.list(id, { limit: 2 })
    const second = await store.registry.signatures.list(id, { limit: 2, cursor: first.next! })
    expect([...first.items, ...second.items]).toEqual([whole[0], whole[1], whole[3], whole[4]])
    const short = await store.registry.signatures.list(id, { limit: 1, cursor: cursorAfter(whole[1]!) })
    expect(short).toMatchObject({ items: [{ digest: whole[3]!.digest }], next: expect.any(String) })
  })

  it('is filtered by artifact type, those by tag as well', async () => {
    await attachSimple(store, signed, { signers: [release] })
    await attachBundle(store, signed, { signer: release })
    const only = (artifactTypes: readonly string[]) =>
      store.registry.signatures.list(id, { limit: 10, artifactTypes }).then(({ items }) => summary(items))
    expect(await only([BUNDLE_TYPE])).toEqual([['signature', 'valid release']])
    expect(await only(['application/vnd.oci.empty.v1+json'])).toEqual([['signature', '.sig', 'valid release']])
    expect(await only(['application/other'])).toEqual([])
  })

  it('is found for what an OCI client pushed; listed once where it has tag and subject; gone when it is deleted', async () => {
    const layer = bytesOf(1_000)
    await pushBlob(store, 'team/app', layer)
    const image = imageOf({ layers: [descriptorOf(layer)] })
    const { packageId } = await putManifest(store, 'team/app', image, 'v1')
    const repository = repo('team/app')
    const { digest } = await attachBundle(store, { repository, manifest: image }, { signer: release })
    expect(summary(await list(packageId))).toEqual([['signature', 'valid release']])
    const { bytes } = await store.registry.manifests.get(repository, { digest })
    await putManifest(store, repository, Buffer.from(bytes), `sha256-${hexOf(image)}.sig`)
    expect(summary(await list(packageId))).toEqual([['signature', 'valid release']])
    await store.registry.manifests.remove(repository, digest, { actor: ACTOR })
    expect(await list(packageId)).toEqual([])
  })

  it('without configured keys is listed unchecked, and says so', async () => {
    await attachBundle(store, signed, { signer: release, predicateType: PROVENANCE })
    await store.restart({ signingKeys: [] })
    expect(await list()).toMatchObject([
      { kind: 'attestation', signatures: [], uncheckedReason: 'no signing keys are configured on this server' },
    ])
  })
})
