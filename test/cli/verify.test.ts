/** `artifactstore verify` against a real registry, honest and lying: what it finds, and with which exit code. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PackageJson } from '../../src/native-api/wire.ts'
import type { Registry } from '../../src/registry/index.ts'
import { type Door, openDoor, TOKEN } from '../native-api/native-fixture.ts'
import { attachBundle, attachEnvelope, attachSimple, signedPackage } from '../support/attach-signatures.ts'
import { bytesOf } from '../support/bytes.ts'
import { descriptorOf, imageOf, indexOf, pushBlob, putManifest } from '../support/registry-steps.ts'
import { makeSigner, type Signer, signedBundle } from '../support/signatures.ts'
import { commandHere } from './in-process.ts'

const release = makeSigner('release')
const stranger = makeSigner('stranger')
const PROVENANCE = 'https://slsa.dev/provenance/v1'
const FILES = { 'a.txt': 'alpha', 'sub/b.bin': bytesOf(70_000) }

let folder: string
let door: Door
/** What the server does wrong, if anything. */
let lie: Partial<Registry>
beforeAll(async () => {
  door = await openDoor({
    // Of the server's verdicts nothing is believed, so it has keys that would say otherwise.
    dependencies: { signingKeys: [stranger.trusted] },
    wrap: (registry) =>
      new Proxy(registry, { get: (target, name) => Reflect.get(lie, name) ?? Reflect.get(target, name) }),
  })
})
afterAll(() => door[Symbol.asyncDispose]())
beforeEach(() => {
  lie = {}
  folder = mkdtempSync(join(tmpdir(), 'verify-'))
  for (const signer of [release, stranger]) writeFileSync(join(folder, `${signer.name}.pub`), signer.pem)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Report {
  content: { valid: boolean; files: number; bytes: number; problems: { path: string; reason: string }[] }
  against: { equal: boolean; missing: string[]; extra: string[]; different: { path: string }[] } | null
  signatures: { kind: string; verdict: string; key: string | null; reason: string | null; digest: string }[]
  verdict: string
  exit_code: number
}

function run(...args: string[]) {
  const env = { ARTIFACTSTORE_API_URL: door.url, ARTIFACTSTORE_API_TOKEN: TOKEN, HOME: folder }
  return commandHere(['verify', ...args], { cwd: folder, env })
}

async function report(...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await run(...args, '--json')
  expect(stderr).toBe('')
  const found = JSON.parse(stdout) as Report
  expect(found.exit_code).toBe(code)
  return found
}

let count = 0
/** A package of its own for each test: what hangs on one would hang on the next. */
async function push(files: Record<string, string | Uint8Array> = FILES): Promise<PackageJson> {
  count += 1
  const { id } = await door.newPackage({ name: `p-${count}` })
  for (const [path, bytes] of Object.entries(files)) await door.addFile(id, path, bytes)
  await door.send('POST', `/packages/${id}/finalize`)
  return (await door.send('GET', `/packages/${id}`)).json as PackageJson
}

const sign = async (id: string, signer: Signer, predicateType?: string) =>
  attachBundle(door, await signedPackage(door.registry, id), { signer, ...(predicateType ? { predicateType } : {}) })
const withKeys = (...names: string[]) => names.flatMap((name) => ['--key', `${name}.pub`])

/** The registry's service of this name with some of its methods replaced. */
function lying<K extends 'packages' | 'files' | 'signatures'>(name: K, methods: Partial<Registry[K]>): void {
  lie = { ...lie, [name]: { ...door.registry[name], ...methods } }
}

describe('a package that is not what its manifest says', () => {
  test('bytes changed in one file: 7, and the others are still read', async () => {
    const { id } = await push()
    const { files } = door.registry
    lying('files', {
      open: async (file, range) => {
        const opened = await files.open(file, range)
        if (opened.size !== 5) return opened
        opened.content.destroy()
        return { ...opened, content: (await import('node:stream')).Readable.from([Buffer.from('alphA')]) }
      },
    })
    const { content, verdict, exit_code: code } = await report(id)
    expect([verdict, code, content.files]).toEqual(['invalid', 7, 2])
    expect(content.problems).toEqual([
      { path: 'a.txt', reason: expect.stringMatching(/^its bytes are blake3:.*sha256:/) },
    ])
  })

  test('a list of files that hides one, adds one, or names another size', async () => {
    const { id } = await push()
    const { files } = door.registry
    lying('files', {
      list: async (of, page) => {
        const [first, second] = (await files.list(of, page)).items
        return {
          items: [
            { ...second!, size: 1 },
            { ...first!, path: 'more.txt' as never, id: 'x' },
          ],
        }
      },
    })
    const { content, exit_code: code } = await report(id)
    expect(code).toBe(7)
    expect(content.problems.map(({ path }) => path).sort()).toEqual(['a.txt', 'more.txt'])
  })

  test('a manifest with other bytes, one that cannot be read, and one of another package', async () => {
    const [mine, other] = [await push(), await push()]
    const { packages } = door.registry
    lying('packages', { manifest: async () => packages.manifest(other.id) })
    const swapped = await report(mine.id)
    expect(swapped.exit_code).toBe(7)
    expect(swapped.content.problems.map(({ reason }) => reason).join('\n')).toMatch(
      /its bytes are blake3:.*\n.*of the package/s,
    )
    lying('packages', {
      manifest: async (id) => ({ ...(await packages.manifest(id)), bytes: Buffer.from([0xa1, 0x61]) }),
    })
    expect((await report(mine.id)).content.problems).toContainEqual({
      path: 'manifest',
      reason: 'it cannot be read: it ends too early',
    })
  })

  test('an OCI manifest that names other files, though a known key has signed it: 7', async () => {
    const mine = await push()
    const other = await push({ 'a.txt': 'evil!' })
    await sign(other.id, release)
    const { packages, signatures } = door.registry
    lying('packages', {
      get: async (id) =>
        id === mine.id ? { ...(await packages.get(id)), oci: (await packages.get(other.id)).oci } : packages.get(id),
      ociManifest: async (id) => packages.ociManifest(id === mine.id ? other.id : id),
    })
    lying('signatures', { list: async (_, page) => signatures.list(other.id, page) })
    const { content, signatures: found, exit_code: code } = await report(mine.id, ...withKeys('release'))
    expect(code).toBe(7)
    expect(found).toMatchObject([{ verdict: 'valid' }])
    expect(content.problems).toContainEqual({
      path: 'OCI manifest',
      reason: 'its config is not the manifest of the package',
    })
  })

  test('another package than the one that was asked for, by id, tag and digest', async () => {
    const [mine, other] = [await push(), await push()]
    await door.send('PUT', `/packages/${mine.id}/tags/v1`)
    const { packages } = door.registry
    const swapped = await packages.get(other.id)
    lying('packages', { get: async () => swapped, list: async () => ({ items: [swapped] }) })
    for (const reference of [mine.id, `${mine.repository}:v1`, `${mine.repository}@${mine.oci!.digest}`]) {
      const { content, exit_code: code } = await report(reference)
      expect([code, content.valid], reference).toEqual([7, false])
    }
  })

  test('bytes that never came, of an OCI push', async () => {
    const image = imageOf({ layers: [descriptorOf(Buffer.from('never sent'), 'sparse.txt')] })
    const { packageId } = await putManifest(door, 'team/sparse', image, 'v1')
    const { content, exit_code: code } = await report(packageId)
    expect([code, content.problems]).toEqual([
      7,
      [{ path: 'sparse.txt', reason: 'the server does not have its bytes' }],
    ])
  })

  test('an index whose image is incomplete or missing', async () => {
    const layer = bytesOf(5_000, 3)
    await pushBlob(door, 'team/multi', layer)
    const [whole, sparse, absent] = [
      imageOf({ layers: [descriptorOf(layer, 'tool')] }),
      imageOf({ layers: [descriptorOf(Buffer.from('gone'), 'tool')] }),
      imageOf({ annotations: { never: 'pushed' } }),
    ]
    for (const image of [whole, sparse]) await putManifest(door, 'team/multi', image)
    await putManifest(door, 'team/multi', indexOf([whole]), 'good')
    expect(await report('team/multi:good')).toMatchObject({
      exit_code: 0,
      content: { valid: true, files: 1, bytes: 5_000 },
    })
    await putManifest(door, 'team/multi', indexOf([whole, sparse, absent]), 'bad')
    const { content, exit_code: code } = await report('team/multi:bad')
    expect(code).toBe(7)
    expect(content.problems.map(({ reason }) => reason).sort()).toEqual([
      'the index lists it, and the server does not have it',
      'the server does not have its bytes',
    ])
  })
})

describe('what cannot be verified is said before anything is read', () => {
  test.each([
    [['--key', 'gone.pub'], 2, /--key gone\.pub cannot be read \(ENOENT\)/],
    [['--key', 'private.pem'], 2, /--key private\.pem is a private key; give the public one/],
    [['--against', 'gone'], 2, /--against gone is no folder/],
    [['--exclude', '*.log'], 2, /--exclude leaves something out of the folder of --against/],
    [['--concurrency', '0'], 2, /--concurrency '0' is not valid/],
  ])('%j', async (args, code, says) => {
    writeFileSync(join(folder, 'private.pem'), '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
    const result = await run('ops/none:v1', ...args)
    expect([result.code, result.stdout]).toEqual([code, ''])
    expect(result.stderr).toMatch(says)
  })

  test('a draft is a conflict, an unknown package is not found', async () => {
    const { id } = await door.newPackage({ name: 'draft-to-verify' })
    expect(await run(id)).toMatchObject({ code: 5, stderr: expect.stringContaining('not finalized yet') })
    expect(await run('ops/none:v1')).toMatchObject({ code: 3 })
  })
})

describe('signatures', () => {
  test('by a given key: 0, and it is said by whom', async () => {
    const { id, oci } = await push()
    await sign(id, release)
    await sign(id, release, PROVENANCE)
    const { signatures, verdict, exit_code: code } = await report(id, ...withKeys('stranger', 'release'))
    expect([verdict, code]).toEqual(['valid', 0])
    expect(signatures.map(({ kind, verdict: each, key }) => [kind, each, key]).sort()).toEqual([
      ['attestation', 'valid', 'release.pub'],
      ['signature', 'valid', 'release.pub'],
    ])
    const text = await run(`${oci!.repository}@${oci!.digest}`, ...withKeys('release'))
    expect(text.stdout).toMatch(/^content {4}valid: 2 files/m)
    expect(text.stdout).toMatch(/^signature +valid +release\.pub +sha256:/m)
    expect(text.stdout).toMatch(/\nvalid: the content is right and signed by release\.pub\n$/)
  })

  test('in the form of cosign 2 count as well', async () => {
    const { id } = await push()
    const signed = await signedPackage(door.registry, id)
    await attachSimple(door, signed, { signers: [stranger, release] })
    await attachEnvelope(door, signed, { signer: release, predicateType: PROVENANCE })
    const { signatures, exit_code: code } = await report(id, ...withKeys('release'))
    expect(code).toBe(0)
    expect(signatures.map(({ verdict }) => verdict).sort()).toEqual(['unknown-key', 'valid', 'valid'])
  })

  test('by nobody, by others, or an attestation alone: 8', async () => {
    const { id } = await push()
    expect(await report(id, ...withKeys('release'))).toMatchObject({
      verdict: 'unverified',
      exit_code: 8,
      signatures: [],
    })
    await sign(id, stranger)
    expect(await report(id, ...withKeys('release'))).toMatchObject({
      exit_code: 8,
      signatures: [{ verdict: 'unknown-key' }],
    })
    await sign(id, release, PROVENANCE)
    const { code, stdout } = await run(id, ...withKeys('release'))
    expect(code).toBe(8)
    expect(stdout).toContain('attested by release.pub, and not signed by a given key')
  })

  test('moved from another package, or changed: 7', async () => {
    const [moved, changed, other] = [await push(), await push(), await push({ x: 'x' })]
    const elsewhere = (await signedPackage(door.registry, other.id)).manifest
    await attachBundle(door, await signedPackage(door.registry, moved.id), {
      signer: release,
      bundle: signedBundle(release, elsewhere),
    })
    const signed = await signedPackage(door.registry, changed.id)
    const bundle = JSON.parse(signedBundle(release, signed.manifest).toString()) as {
      dsseEnvelope: { payload: string }
    }
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64')
      .toString()
      .replace('registry.example', 'registry.invalid')
    bundle.dsseEnvelope.payload = Buffer.from(payload).toString('base64')
    await attachBundle(door, signed, { signer: release, bundle: Buffer.from(JSON.stringify(bundle)) })
    for (const { id } of [moved, changed]) {
      const found = await report(id, ...withKeys('release'))
      expect(found).toMatchObject({ verdict: 'invalid', exit_code: 7, signatures: [{ verdict: 'invalid' }] })
    }
  })

  test('that are invalid beside a valid one change nothing: anybody may attach them', async () => {
    const { id } = await push()
    await sign(id, release)
    await attachBundle(door, await signedPackage(door.registry, id), { signer: stranger, bundle: Buffer.from('junk') })
    const { signatures, exit_code: code } = await report(id, ...withKeys('release'))
    expect(code).toBe(0)
    expect(signatures.map(({ verdict }) => verdict).sort()).toEqual(['invalid', 'valid'])
  })

  test('whose verdict the server invents count for nothing', async () => {
    const { id } = await push()
    await sign(id, stranger)
    const { signatures } = door.registry
    lying('signatures', {
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
    expect(await report(id, ...withKeys('release'))).toMatchObject({
      exit_code: 8,
      signatures: [{ verdict: 'unknown-key' }],
    })
  })

  test('without a key are listed and not checked, and content decides', async () => {
    const { id } = await push()
    await sign(id, stranger, PROVENANCE)
    const found = await report(id)
    expect(found).toMatchObject({
      verdict: 'valid',
      exit_code: 0,
      signatures: [{ kind: 'attestation', verdict: 'not-checked' }],
    })
    expect((await run(id)).stdout).toContain('give --key to check signatures')
  })
})

describe('a local folder', () => {
  function write(files: Record<string, string | Uint8Array>): void {
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(join(folder, 'local', path, '..'), { recursive: true })
      writeFileSync(join(folder, 'local', path), bytes)
    }
  }

  test('with what is missing, extra and different: each named, 7', async () => {
    const { id } = await push({ ...FILES, 'same-size.txt': 'one', 'longer.txt': 'one' })
    write({ 'a.txt': 'alpha', 'same-size.txt': 'two', 'longer.txt': 'three', 'new/file': '' })
    symlinkSync('/etc/hostname', join(folder, 'local', 'link'))
    const { against, verdict, exit_code: code } = await report(id, '--against', 'local')
    expect([verdict, code]).toEqual(['invalid', 7])
    expect(against).toMatchObject({
      equal: false,
      missing: ['sub/b.bin'],
      extra: ['new/file', expect.stringContaining('link: it is a link')],
      different: [{ path: 'longer.txt' }, { path: 'same-size.txt' }],
    })
    const { stdout } = await run(id, '--against', 'local')
    for (const line of ['missing    sub/b.bin', 'extra      new/file', 'different  same-size.txt: its bytes are']) {
      expect(stdout).toContain(`  ${line}`)
    }
  })

  test('that is equal, with what was excluded left out: 0', async () => {
    const { id } = await push()
    write({ ...FILES, 'build.log': 'noise' })
    expect(await report(id, '--against', 'local')).toMatchObject({ exit_code: 7, against: { extra: ['build.log'] } })
    const found = await report(id, '--against', './local', '--exclude', '*.log')
    expect(found).toMatchObject({ exit_code: 0, against: { equal: true, missing: [], extra: [], different: [] } })
  })

  test('of an OCI push is compared by its titles', async () => {
    const layer = bytesOf(3_000, 9)
    await pushBlob(door, 'team/titled', layer)
    await putManifest(door, 'team/titled', imageOf({ layers: [descriptorOf(layer, 'tool.bin')] }), 'v1')
    write({ 'tool.bin': layer })
    expect(await report('team/titled:v1', '--against', 'local')).toMatchObject({
      exit_code: 0,
      against: { equal: true },
    })
  })

  test('is refused for an index, which has no files of its own', async () => {
    write(FILES)
    const image = imageOf()
    await putManifest(door, 'team/index', image)
    await putManifest(door, 'team/index', indexOf([image]), 'v1')
    expect(await run('team/index:v1', '--against', 'local')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('index'),
    })
  })
})

test('a package that was pushed under a sha512 digest is verified by it', async () => {
  const layer = bytesOf(2_000, 4)
  await pushBlob(door, 'team/long', layer)
  const image = imageOf({ layers: [descriptorOf(layer, 'x')] })
  const digest = `sha512:${createHash('sha512').update(image).digest('hex')}`
  await putManifest(door, 'team/long', image, digest)
  await attachBundle(door, { repository: 'team/long', manifest: image }, { signer: release })
  expect(await report(`team/long@${digest}`)).toMatchObject({ exit_code: 0, content: { valid: true, files: 1 } })
})
