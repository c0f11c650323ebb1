/** `inspect` shows what refers to a package, with the verdicts of the server. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Door, openDoor, TOKEN } from '../native-api/native-fixture.ts'
import { attachBundle, attachSimple, signedPackage } from '../support/attach-signatures.ts'
import { imageOf, putManifest } from '../support/registry-steps.ts'
import { hexOf, makeSigner } from '../support/signatures.ts'
import { commandHere } from './in-process.ts'

const release = makeSigner('release')
const stranger = makeSigner('stranger')
const PROVENANCE = 'https://slsa.dev/provenance/v1'

let door: Door
beforeAll(async () => {
  door = await openDoor({ dependencies: { signingKeys: [release.trusted] } })
})
afterAll(() => door[Symbol.asyncDispose]())

async function inspect(id: string, ...args: string[]): Promise<string> {
  const env = { ARTIFACTSTORE_API_URL: door.url, ARTIFACTSTORE_API_TOKEN: TOKEN }
  const { code, stdout, stderr } = await commandHere(['inspect', id, ...args], { cwd: '/', env })
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

test('a package to which nothing refers is shown as before', async () => {
  const { id } = await door.finalized({ 'a.txt': 'a' })
  expect(await inspect(id)).not.toContain('VERDICT')
  expect(JSON.parse(await inspect(id, '--json'))).toMatchObject({ referrers: [] })
})

test('signatures and attestations are shown with verdict, key and digest, other referrers with their type', async () => {
  const { id } = await door.finalized({ 'a.txt': 'a', 'b.txt': 'b' })
  const signed = await signedPackage(door.registry, id)
  await attachSimple(door, signed, { signers: [stranger] })
  const { digest } = await attachBundle(door, signed, { signer: release, predicateType: PROVENANCE })
  const subject = { digest: `sha256:${hexOf(signed.manifest)}`, size: signed.manifest.length }
  await putManifest(door, signed.repository, imageOf({ subject, artifactType: 'application/vnd.example.note' }))
  const shown = await inspect(id)
  expect(shown).toMatch(/^KIND +VERDICT +KEY +DIGEST +WHAT$/m)
  expect(shown).toMatch(new RegExp(`^attestation +valid +release +${digest} +${PROVENANCE}$`, 'm'))
  expect(shown).toMatch(/^signature +unknown-key +sha256:[0-9a-f]{64} +none of the known keys made it/m)
  expect(shown).toMatch(/^referrer +sha256:[0-9a-f]{64} +application\/vnd\.example\.note$/m)
  expect(JSON.parse(await inspect(id, '--json'))).toMatchObject({
    referrers: [{ kind: 'signature' }, { kind: expect.any(String) }, { kind: expect.any(String) }],
  })
})
