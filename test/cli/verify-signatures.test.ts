/** Signatures as `artifactstore verify` judges them: whose they are, what they are about, and which exit code that is. */
import { describe, expect, test } from 'vitest'
import { attachBundle, attachEnvelope, attachSimple, signedPackage } from '../support/attach-signatures.ts'
import { signedBundle } from '../support/signatures.ts'
import { PROVENANCE, release, stranger, verifying, withKeys } from './verifying.ts'

const v = verifying()

describe('the signatures of a package', () => {
  test('by a given key: 0, and it is said by whom', async () => {
    const { id, oci } = await v.push()
    await v.sign(id, release)
    await v.sign(id, release, PROVENANCE)
    const { signatures, verdict, exit_code: code } = await v.report(id, ...withKeys('stranger', 'release'))
    expect([verdict, code]).toEqual(['valid', 0])
    expect(signatures.map(({ kind, verdict: each, key }) => [kind, each, key]).sort()).toEqual([
      ['attestation', 'valid', 'release.pub'],
      ['signature', 'valid', 'release.pub'],
    ])
    const text = await v.run(`${oci!.repository}@${oci!.digest}`, ...withKeys('release'))
    expect(text.stdout).toMatch(/^content {4}valid: 2 files/m)
    expect(text.stdout).toMatch(/^signature +valid +release\.pub +sha256:/m)
    expect(text.stdout).toMatch(/\nvalid: the content is right and signed by release\.pub\n$/)
  })

  test('in the form of cosign 2 count as well', async () => {
    const { id } = await v.push()
    const signed = await signedPackage(v.door.registry, id)
    await attachSimple(v.door, signed, { signers: [stranger, release] })
    await attachEnvelope(v.door, signed, { signer: release, predicateType: PROVENANCE })
    const { signatures, exit_code: code } = await v.report(id, ...withKeys('release'))
    expect(code).toBe(0)
    expect(signatures.map(({ verdict }) => verdict).sort()).toEqual(['unknown-key', 'valid', 'valid'])
  })

  test('by nobody, by others, or an attestation alone: 8', async () => {
    const { id } = await v.push()
    expect(await v.report(id, ...withKeys('release'))).toMatchObject({
      verdict: 'unverified',
      exit_code: 8,
      signatures: [],
    })
    await v.sign(id, stranger)
    expect(await v.report(id, ...withKeys('release'))).toMatchObject({
      exit_code: 8,
      signatures: [{ verdict: 'unknown-key' }],
    })
    await v.sign(id, release, PROVENANCE)
    const { code, stdout } = await v.run(id, ...withKeys('release'))
    expect(code).toBe(8)
    expect(stdout).toContain('attested by release.pub, and not signed by a given key')
  })

  test('moved from another package, or changed: 7', async () => {
    const [moved, changed, other] = [await v.push(), await v.push(), await v.push({ x: 'x' })]
    const elsewhere = (await signedPackage(v.door.registry, other.id)).manifest
    await attachBundle(v.door, await signedPackage(v.door.registry, moved.id), {
      signer: release,
      bundle: signedBundle(release, elsewhere),
    })
    const signed = await signedPackage(v.door.registry, changed.id)
    const bundle = JSON.parse(signedBundle(release, signed.manifest).toString()) as {
      dsseEnvelope: { payload: string }
    }
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64')
      .toString()
      .replace('registry.example', 'registry.invalid')
    bundle.dsseEnvelope.payload = Buffer.from(payload).toString('base64')
    await attachBundle(v.door, signed, { signer: release, bundle: Buffer.from(JSON.stringify(bundle)) })
    for (const { id } of [moved, changed]) {
      const found = await v.report(id, ...withKeys('release'))
      expect(found).toMatchObject({ verdict: 'invalid', exit_code: 7, signatures: [{ verdict: 'invalid' }] })
    }
  })

  test('whose manifest is not what its digest says are invalid, whatever is in it', async () => {
    const { id } = await v.push()
    const { packageId } = await v.sign(id, release)
    const { packages } = v.door.registry
    v.lying('packages', {
      ociManifest: async (of) => {
        const manifest = await packages.ociManifest(of)
        return of === packageId ? { ...manifest, bytes: Buffer.concat([manifest.bytes, Buffer.from(' ')]) } : manifest
      },
    })
    expect(await v.report(id, ...withKeys('release'))).toMatchObject({
      exit_code: 7,
      signatures: [{ verdict: 'invalid', reason: 'its manifest is not what its digest says' }],
    })
  })

  test('that are invalid beside a valid one change nothing: anybody may attach them', async () => {
    const { id } = await v.push()
    await v.sign(id, release)
    await attachBundle(v.door, await signedPackage(v.door.registry, id), {
      signer: stranger,
      bundle: Buffer.from('junk'),
    })
    const { signatures, exit_code: code } = await v.report(id, ...withKeys('release'))
    expect(code).toBe(0)
    expect(signatures.map(({ verdict }) => verdict).sort()).toEqual(['invalid', 'valid'])
  })

  test('whose verdict the server invents count for nothing', async () => {
    const { id } = await v.push()
    await v.sign(id, stranger)
    const { signatures } = v.door.registry
    v.lying('signatures', {
      list: async (of, page) => {
        const { items } = await signatures.list(of, page)
        return {
          items: items.map((item) => ({
            ...item,
            signatures: [{ ...item.signatures[0]!, verdict: 'valid', key: 'release.pub' }],
          })),
        }
      },
    })
    expect(await v.report(id, ...withKeys('release'))).toMatchObject({
      exit_code: 8,
      signatures: [{ verdict: 'unknown-key' }],
    })
  })

  test('without a key are listed and not checked, and content decides', async () => {
    const { id } = await v.push()
    await v.sign(id, stranger, PROVENANCE)
    const found = await v.report(id)
    expect(found).toMatchObject({
      verdict: 'valid',
      exit_code: 0,
      signatures: [{ kind: 'attestation', verdict: 'not-checked' }],
    })
    expect((await v.run(id)).stdout).toContain('give --key to check signatures')
  })
})
