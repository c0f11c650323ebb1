/**
 * The package that crosses all doors, signed: pushed by the command line, signed and attested by real cosign 2 and 3, verified
 * offline by `artifactstore verify`, then tampered with in the ways that a thief of the store or a forger would.
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PackageJson, ReferrerPageJson } from '../../src/native-api/wire.ts'
import { COMMAND, ServerProcess } from '../cli/server-process.ts'
import { blobPath } from '../support/registry-steps.ts'

import { type Cosign, openCosign } from './cosign.ts'
import { type Ran, ran } from './run-command.ts'

const SECRET = 'a-token-for-signature-flows'
const PREDICATE_TYPE = 'https://example.org/tests/v1'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

interface Verified {
  verdict: string
  exit_code: number
  content: { valid: boolean; problems: { path: string; reason: string }[] }
  signatures: { kind: string; verdict: string; key: string | null; predicate_type: string | null }[]
}
interface Descriptor {
  mediaType: string
  digest: string
  size: number
  annotations?: Record<string, string>
}
interface Manifest {
  layers: Descriptor[]
  subject?: Descriptor
  [member: string]: unknown
}

describe.each([2, 3] as const)('a package signed with cosign %i', (version) => {
  let folder: string
  let server: ServerProcess
  let cosign: Cosign
  let signed: PackageJson

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verify-flows-'))
    cosign = await openCosign(version, folder)
    for (const name of ['release', 'stranger']) await cosign.makeKey(name)
    server = await ServerProcess.start({
      ARTIFACTSTORE_AUTH_TOKENS: `tests:${SECRET}`,
      ARTIFACTSTORE_SIGNING_KEYS: join(folder, 'release.pub'),
    })
    await cosign.login(`127.0.0.1:${server.port}`, 'tests', SECRET)
    await mkdir(join(folder, 'report'))
    await writeFile(join(folder, 'report', 'result.json'), '{"passed":true}')
    signed = await push('signed')
    await cosign.sign(ociReference(signed), 'release.key')
    await cosign.attest(ociReference(signed), { key: 'release.key', type: PREDICATE_TYPE, predicate: { passed: true } })
  })
  afterAll(async () => {
    await server?.stop('SIGTERM')
    await server?.remove()
    await rm(folder, { recursive: true, force: true })
  })

  const cli = (...args: string[]): Promise<Ran> =>
    ran(process.execPath, [COMMAND, ...args], {
      cwd: folder,
      env: { ...server.env, ARTIFACTSTORE_API_TOKEN: SECRET },
    })
  async function verify(found: PackageJson, ...args: string[]): Promise<Verified> {
    const { stdout, stderr, code } = await cli('verify', found.id, ...args, '--json')
    expect(stdout, stderr).not.toBe('')
    const report = JSON.parse(stdout) as Verified
    expect(report.exit_code).toBe(code)
    return report
  }
  const ociReference = ({ repository, oci }: PackageJson): string =>
    `127.0.0.1:${server.port}/${repository}@${oci!.digest}`

  async function push(name: string): Promise<PackageJson> {
    const about = ['--producer', 'ops', '--subject', 'example.org', '--retention-class', 'raw-evidence']
    const { stdout, stderr } = await cli('push', 'report', ...about, '--name', name, '--json')
    expect(stdout, stderr).not.toBe('')
    const { package_id: id } = JSON.parse(stdout) as { package_id: string }
    return (await json(`/packages/${id}`)) as PackageJson
  }

  async function send(method: string, path: string, body?: Uint8Array, type?: string): Promise<Buffer> {
    const headers = { authorization: `Bearer ${SECRET}`, accept: '*/*', ...(type ? { 'content-type': type } : {}) }
    const response = await fetch(`${server.apiUrl}${path}`, {
      method,
      headers,
      ...(body ? { body: Buffer.from(body) } : {}),
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(response.ok, `${method} ${path}: ${response.status} ${bytes}`).toBe(true)
    return bytes
  }
  const json = async (path: string): Promise<unknown> => JSON.parse((await send('GET', path)).toString())
  const referrers = async (found: PackageJson) =>
    ((await json(`/packages/${found.id}/referrers`)) as ReferrerPageJson).referrers

  /** The signature's manifest and its layer, as cosign wrote them. */
  async function signatureOf(found: PackageJson): Promise<{ manifest: Manifest; layer: Buffer }> {
    const referrer = (await referrers(found)).find(({ kind }) => kind === 'signature')!
    const manifest = (await json(`/v2/${found.repository}/manifests/${referrer.digest}`)) as Manifest
    return { manifest, layer: await send('GET', `/v2/${found.repository}/blobs/${manifest.layers[0]!.digest}`) }
  }

  /** What a forger with the right to push does: the signature on another package, with everything around it consistent. */
  async function forge(onto: PackageJson, { manifest, layer }: { manifest: Manifest; layer: Buffer }): Promise<void> {
    const repository = `/v2/${onto.repository}`
    for (const blob of [layer, Buffer.from('{}'), ...(await configOf(manifest))]) {
      await send('POST', `${repository}/blobs/uploads/?digest=${sha256(blob)}`, blob, 'application/octet-stream')
    }
    const layers = [{ ...manifest.layers[0]!, digest: sha256(layer), size: layer.length }]
    const { digest, size } = onto.oci!
    const subject = manifest.subject ? { subject: { mediaType: MANIFEST, digest, size } } : {}
    const bytes = Buffer.from(JSON.stringify({ ...manifest, layers, ...subject }))
    const reference = manifest.subject ? sha256(bytes) : `${digest.replace(':', '-')}.sig`
    await send('PUT', `${repository}/manifests/${reference}`, bytes, MANIFEST)
  }

  async function configOf(manifest: Manifest): Promise<Buffer[]> {
    const { digest } = manifest.config as Descriptor
    return [await send('GET', `/v2/${signed.repository}/blobs/${digest}`)]
  }

  it('is valid by the key that signed it, for us as for cosign: 0', async () => {
    expect(await cosign.verify(ociReference(signed), 'release.pub')).toMatchObject({ code: 0 })
    const report = await verify(signed, '--key', 'release.pub')
    expect(report).toMatchObject({ verdict: 'valid', exit_code: 0, content: { valid: true } })
    expect(report.signatures.map(({ kind, verdict, key }) => [kind, verdict, key]).sort()).toEqual([
      ['attestation', 'valid', 'release.pub'],
      ['signature', 'valid', 'release.pub'],
    ])
    expect(report.signatures.find(({ kind }) => kind === 'attestation')).toMatchObject({
      predicate_type: PREDICATE_TYPE,
    })
    expect((await cli('verify', `${signed.repository}@${signed.oci!.digest}`, '--key', 'release.pub')).code).toBe(0)
  })

  it('is the same for the server that has the key, and for inspect', async () => {
    const found = await referrers(signed)
    expect(
      found.flatMap(({ signatures }) => signatures.map(({ verdict, kind, key }) => [kind, verdict, key])).sort(),
    ).toEqual([
      ['attestation', 'valid', 'release.pub'],
      ['signature', 'valid', 'release.pub'],
    ])
    const { stdout } = await cli('inspect', signed.id)
    expect(stdout).toMatch(/^signature +valid +release\.pub +sha256:/m)
    expect(stdout).toMatch(/^attestation +valid +release\.pub +sha256:/m)
  })

  it('by another key is of an unknown key: 8, and cosign refuses it too', async () => {
    const report = await verify(signed, '--key', 'stranger.pub')
    expect(report).toMatchObject({ verdict: 'unverified', exit_code: 8, content: { valid: true } })
    expect(report.signatures.map(({ verdict }) => verdict)).toEqual(['unknown-key', 'unknown-key'])
    expect((await cosign.verify(ociReference(signed), 'stranger.pub')).code).not.toBe(0)
  })

  it('compares with the folder that was pushed, and names what was changed in it', async () => {
    expect(await verify(signed, '--key', 'release.pub', '--against', 'report')).toMatchObject({ exit_code: 0 })
    await writeFile(join(folder, 'report', 'result.json'), '{"passed":!!!!}')
    try {
      const { code, stdout } = await cli('verify', signed.id, '--against', 'report')
      expect(code).toBe(7)
      expect(stdout).toContain('different  result.json')
    } finally {
      await writeFile(join(folder, 'report', 'result.json'), '{"passed":true}')
    }
  })

  it('lends its signature to no other package: 7, and the server says invalid', async () => {
    const other = await push('moved')
    await forge(other, await signatureOf(signed))
    expect(await verify(other, '--key', 'release.pub')).toMatchObject({
      verdict: 'invalid',
      exit_code: 7,
      content: { valid: true },
      signatures: [{ kind: 'signature', verdict: 'invalid' }],
    })
    expect((await referrers(other))[0]!.signatures).toMatchObject([{ verdict: 'invalid' }])
    expect((await cosign.verify(ociReference(other), 'release.pub')).code).not.toBe(0)
  })

  it('does not become another by putting the other digest into what was signed', async () => {
    const other = await push('changed')
    const { manifest, layer } = await signatureOf(signed)
    const [from, to] = [signed, other].map(({ oci }) => oci!.digest.slice('sha256:'.length)) as [string, string]
    await forge(other, { manifest, layer: Buffer.from(withPayload(layer, (text) => text.replaceAll(from, to))) })
    const report = await verify(other, '--key', 'release.pub')
    // A bundle names the key that made it; a simple signing payload names none, and could be a stranger's.
    const expected = version === 3 ? { verdict: 'invalid', exit_code: 7 } : { verdict: 'unverified', exit_code: 8 }
    expect(report).toMatchObject(expected)
    expect(report.signatures.map(({ verdict }) => verdict)).toEqual([version === 3 ? 'invalid' : 'unknown-key'])
    const [server] = (await referrers(other))[0]!.signatures
    expect(server!.verdict).toBe(version === 3 ? 'invalid' : 'unknown-key')
    expect((await cosign.verify(ociReference(other), 'release.pub')).code).not.toBe(0)
  })

  it('whose stored bytes a thief changed is invalid: 7, and nothing of it is served', async () => {
    const victim = await push('stolen')
    await cosign.sign(ociReference(victim), 'release.key')
    expect(await verify(victim, '--key', 'release.pub')).toMatchObject({ exit_code: 0 })
    const { id } = ((await json(`/packages/${victim.id}/files`)) as { files: { id: string }[] }).files[0]!
    const { layer } = await signatureOf(victim)
    const { blake3 } = await fileOfLayer(victim, sha256(layer))
    const path = blobPath(join(server.folder, 'var', 'storage'), blake3)
    const bytes = await readFile(path)
    bytes[bytes.length - 5]! ^= 1
    await writeFile(path, bytes)
    const report = await verify(victim, '--key', 'release.pub')
    expect(report).toMatchObject({ verdict: 'invalid', exit_code: 7, signatures: [{ verdict: 'invalid' }] })
    expect((await send('GET', `/files/${id}/download`)).toString()).toBe('{"passed":true}')
  })

  async function fileOfLayer(found: PackageJson, digest: string): Promise<{ blake3: string }> {
    const [referrer] = await referrers(found)
    const { files } = (await json(`/packages/${referrer!.package_id}/files`)) as {
      files: { digest: string; blake3: string }[]
    }
    return files.find((file) => file.digest === digest)!
  }
})

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Changes what is signed: the payload itself, or the one inside a bundle. */
function withPayload(layer: Buffer, change: (text: string) => string): string {
  const text = layer.toString()
  const inside = /"payload":"([^"]+)"/.exec(text)?.[1]
  if (inside === undefined) return change(text)
  return text.replace(inside, Buffer.from(change(Buffer.from(inside, 'base64').toString())).toString('base64'))
}
