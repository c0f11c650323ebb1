/** The content of packages and folders as `artifactstore verify` finds it, with honest servers and lying ones. */
import { createHash } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { attachBundle } from '../support/attach-signatures.ts'
import { bytesOf } from '../support/bytes.ts'
import { descriptorOf, imageOf, indexOf, pushBlob, putManifest } from '../support/registry-steps.ts'
import { FILES, release, verifying, withKeys } from './verifying.ts'

const v = verifying()

describe('a package that is not what its manifest says', () => {
  test('bytes changed in one file: 7, and the others are still read', async () => {
    const { id } = await v.push()
    const { files } = v.door.registry
    v.lying('files', {
      open: async (file, range) => {
        const opened = await files.open(file, range)
        if (opened.size !== 5) return opened
        const { bytes: _, content, ...facts } = opened
        content.destroy()
        return { ...facts, content: Readable.from([Buffer.from('alphA')]) }
      },
    })
    const { content, verdict, exit_code: code } = await v.report(id)
    expect([verdict, code, content.files]).toEqual(['invalid', 7, 2])
    expect(content.problems).toEqual([
      { path: 'a.txt', reason: expect.stringMatching(/^its bytes are blake3:.*sha256:/) },
    ])
  })

  test('a list of files that hides one, adds one, or names another size', async () => {
    const { id } = await v.push()
    const { files } = v.door.registry
    v.lying('files', {
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
    const { content, exit_code: code } = await v.report(id)
    expect(code).toBe(7)
    expect(content.problems.map(({ path }) => path).sort()).toEqual(['a.txt', 'more.txt'])
  })

  test('a manifest with other bytes, one that cannot be read, and one of another package', async () => {
    const [mine, other] = [await v.push(), await v.push()]
    const { packages } = v.door.registry
    v.lying('packages', { manifest: async () => packages.manifest(other.id) })
    const swapped = await v.report(mine.id)
    expect(swapped.exit_code).toBe(7)
    expect(swapped.content.problems.map(({ reason }) => reason).join('\n')).toMatch(
      /its bytes are blake3:.*\n.*of the package/s,
    )
    v.lying('packages', {
      manifest: async (id) => ({ ...(await packages.manifest(id)), bytes: Buffer.from([0xa1, 0x61]) }),
    })
    expect((await v.report(mine.id)).content.problems).toContainEqual({
      path: 'manifest',
      reason: 'it cannot be read: it ends too early',
    })
  })

  test('an OCI manifest that names other files, though a known key has signed it: 7', async () => {
    const mine = await v.push()
    const other = await v.push({ 'a.txt': 'evil!' })
    await v.sign(other.id, release)
    const { packages, signatures } = v.door.registry
    v.lying('packages', {
      get: async (id) =>
        id === mine.id ? { ...(await packages.get(id)), oci: (await packages.get(other.id)).oci } : packages.get(id),
      ociManifest: async (id) => packages.ociManifest(id === mine.id ? other.id : id),
    })
    v.lying('signatures', { list: async (_, page) => signatures.list(other.id, page) })
    const { content, signatures: found, exit_code: code } = await v.report(mine.id, ...withKeys('release'))
    expect(code).toBe(7)
    expect(found).toMatchObject([{ verdict: 'valid' }])
    expect(content.problems).toContainEqual({
      path: 'OCI manifest',
      reason: 'its config is not the manifest of the package',
    })
  })

  test('another package than the one that was asked for, by id, tag and digest', async () => {
    const [mine, other] = [await v.push(), await v.push()]
    await v.door.send('PUT', `/packages/${mine.id}/tags/v1`)
    const { packages } = v.door.registry
    const swapped = await packages.get(other.id)
    v.lying('packages', { get: async () => swapped, list: async () => ({ items: [swapped] }) })
    for (const reference of [mine.id, `${mine.repository}:v1`, `${mine.repository}@${mine.oci!.digest}`]) {
      const { content, exit_code: code } = await v.report(reference)
      expect([code, content.valid], reference).toEqual([7, false])
    }
  })

  test('another manifest than the digest that was asked for, of OCI pushes in one repository', async () => {
    const [asked, other] = [imageOf({ annotations: { n: '1' } }), imageOf({ annotations: { n: '2' } })]
    const { digest } = await putManifest(v.door, 'team/swapped', asked)
    const { packageId } = await putManifest(v.door, 'team/swapped', other)
    const swapped = await v.door.registry.packages.get(packageId)
    v.lying('packages', { list: async () => ({ items: [swapped] }) })
    const { content, exit_code: code } = await v.report(`team/swapped@${digest}`)
    expect(code).toBe(7)
    expect(content.problems).toEqual([
      { path: 'manifest', reason: expect.stringContaining(`not the ${digest} that was asked for`) },
    ])
  })

  test('bytes that never came, of an OCI push', async () => {
    const image = imageOf({ layers: [descriptorOf(Buffer.from('never sent'), 'sparse.txt')] })
    const { packageId } = await putManifest(v.door, 'team/sparse', image, 'v1')
    const { content, exit_code: code } = await v.report(packageId)
    expect([code, content.problems]).toEqual([
      7,
      [{ path: 'sparse.txt', reason: 'the server does not have its bytes' }],
    ])
  })

  test('an index whose image is incomplete or missing', async () => {
    const layer = bytesOf(5_000, 3)
    await pushBlob(v.door, 'team/multi', layer)
    const [whole, sparse, absent] = [
      imageOf({ layers: [descriptorOf(layer, 'tool')] }),
      imageOf({ layers: [descriptorOf(Buffer.from('gone'), 'tool')] }),
      imageOf({ annotations: { never: 'pushed' } }),
    ]
    for (const image of [whole, sparse]) await putManifest(v.door, 'team/multi', image)
    await putManifest(v.door, 'team/multi', indexOf([whole]), 'good')
    expect(await v.report('team/multi:good')).toMatchObject({
      exit_code: 0,
      content: { valid: true, files: 1, bytes: 5_000 },
    })
    await putManifest(v.door, 'team/multi', indexOf([whole, sparse, absent]), 'bad')
    const { content, exit_code: code } = await v.report('team/multi:bad')
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
    writeFileSync(join(v.folder, 'private.pem'), '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
    const result = await v.run('ops/none:v1', ...args)
    expect([result.code, result.stdout]).toEqual([code, ''])
    expect(result.stderr).toMatch(says)
  })

  test('a draft is a conflict, an unknown package is not found', async () => {
    const { id } = await v.door.newPackage({ name: 'draft-to-verify' })
    expect(await v.run(id)).toMatchObject({ code: 5, stderr: expect.stringContaining('not finalized yet') })
    expect(await v.run('ops/none:v1')).toMatchObject({ code: 3 })
  })
})

describe('a local folder', () => {
  function write(files: Record<string, string | Uint8Array>): void {
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(join(v.folder, 'local', path, '..'), { recursive: true })
      writeFileSync(join(v.folder, 'local', path), bytes)
    }
  }

  test('with what is missing, extra and different: each named, 7', async () => {
    const { id } = await v.push({ ...FILES, 'same-size.txt': 'one', 'longer.txt': 'one' })
    write({ 'a.txt': 'alpha', 'same-size.txt': 'two', 'longer.txt': 'three', 'new/file': '' })
    symlinkSync('/etc/hostname', join(v.folder, 'local', 'link'))
    const { against, verdict, exit_code: code } = await v.report(id, '--against', 'local')
    expect([verdict, code]).toEqual(['invalid', 7])
    expect(against).toMatchObject({
      equal: false,
      missing: ['sub/b.bin'],
      extra: ['new/file', expect.stringContaining('link: it is a link')],
      different: [{ path: 'longer.txt' }, { path: 'same-size.txt' }],
    })
    const { stdout } = await v.run(id, '--against', 'local')
    for (const line of ['missing    sub/b.bin', 'extra      new/file', 'different  same-size.txt: its bytes are']) {
      expect(stdout).toContain(`  ${line}`)
    }
  })

  test('that is equal, with what was excluded left out: 0', async () => {
    const { id } = await v.push()
    write({ ...FILES, 'build.log': 'noise' })
    expect(await v.report(id, '--against', 'local')).toMatchObject({ exit_code: 7, against: { extra: ['build.log'] } })
    const found = await v.report(id, '--against', './local', '--exclude', '*.log')
    expect(found).toMatchObject({ exit_code: 0, against: { equal: true, missing: [], extra: [], different: [] } })
  })

  test('of an OCI push is compared by its titles', async () => {
    const layer = bytesOf(3_000, 9)
    await pushBlob(v.door, 'team/titled', layer)
    await putManifest(v.door, 'team/titled', imageOf({ layers: [descriptorOf(layer, 'tool.bin')] }), 'v1')
    write({ 'tool.bin': layer })
    expect(await v.report('team/titled:v1', '--against', 'local')).toMatchObject({
      exit_code: 0,
      against: { equal: true },
    })
  })

  test('is refused for an index, which has no files of its own', async () => {
    write(FILES)
    const image = imageOf()
    await putManifest(v.door, 'team/index', image)
    await putManifest(v.door, 'team/index', indexOf([image]), 'v1')
    expect(await v.run('team/index:v1', '--against', 'local')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('index'),
    })
  })
})

test('a package that was pushed under a sha512 digest is verified by it', async () => {
  const layer = bytesOf(2_000, 4)
  await pushBlob(v.door, 'team/long', layer)
  const image = imageOf({ layers: [descriptorOf(layer, 'x')] })
  const digest = `sha512:${createHash('sha512').update(image).digest('hex')}`
  await putManifest(v.door, 'team/long', image, digest)
  await attachBundle(v.door, { repository: 'team/long', manifest: image }, { signer: release })
  expect(await v.report(`team/long@${digest}`)).toMatchObject({ exit_code: 0, content: { valid: true, files: 1 } })
})
