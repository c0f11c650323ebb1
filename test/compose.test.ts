import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRegistryFor } from '../src/compose.ts'
import { ConfigError, loadConfig } from '../src/config.ts'
import { attachBundle, signedPackage } from './support/attach-signatures.ts'
import { finalizedPackage } from './support/registry-steps.ts'
import { makeSigner } from './support/signatures.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'compose-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const openWith = (keys: string) =>
  openRegistryFor(
    loadConfig({ cwd: folder, env: { ARTIFACTSTORE_SIGNING_KEYS: keys }, isolated: true, purpose: 'store' }),
  )

describe('signing keys', () => {
  it('that are missing or none stop the start, each named with what is wrong', async () => {
    writeFileSync(join(folder, 'text.pub'), 'no key')
    const failure: unknown = await openWith('gone.pub, ci=text.pub').catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ConfigError)
    expect((failure as ConfigError).problems).toEqual([
      `ARTIFACTSTORE_SIGNING_KEYS: ${join(folder, 'gone.pub')} cannot be read (ENOENT)`,
      expect.stringMatching(/text\.pub holds no PEM block; give a public key/),
    ])
  })

  it('decide by their names what refers to a package', async () => {
    const [ci, night] = [makeSigner('ci'), makeSigner('night', 'Ed25519')]
    writeFileSync(join(folder, 'ci.pub'), ci.pem)
    writeFileSync(join(folder, 'night.pub'), night.pem)
    const registry = await openWith('ci.pub\nnight-shift=night.pub')
    try {
      const { id } = await finalizedPackage({ registry })
      for (const signer of [ci, night]) await attachBundle({ registry }, await signedPackage(registry, id), { signer })
      const { items } = await registry.signatures.list(id, { limit: 10 })
      expect(items.flatMap(({ signatures }) => signatures.map(({ key }) => key)).sort()).toEqual([
        'ci.pub',
        'night-shift',
      ])
    } finally {
      await registry.dispose()
    }
  })
})
