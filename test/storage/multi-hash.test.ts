import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { blake3 as nobleBlake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { giveBack, SEGMENT_BYTES, takeSegment } from '../../src/storage/hash-segments.ts'
import { openLane } from '../../src/storage/hash-workers.ts'
import { hasNativeBlake3, nativeBlake3Hasher, portableBlake3Hasher } from '../../src/storage/hashers.ts'
import {
  closeHashWorkers,
  createMultiHash,
  digestBytes,
  digestWith,
  hashContent,
  type MultiHash,
} from '../../src/storage/index.ts'
import { INLINE_BYTES } from '../../src/storage/multi-hash.ts'
import { bytesOf, contentOf, failingAfter, readAll } from '../support/bytes.ts'

afterAll(closeHashWorkers)

/** What independent implementations say: noble for BLAKE3, node:crypto in one call for SHA. */
function oracle(bytes: Uint8Array) {
  return {
    blake3: `blake3:${Buffer.from(nobleBlake3(bytes)).toString('hex')}`,
    sha256: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    sha512: `sha512:${createHash('sha512').update(bytes).digest('hex')}`,
    size: bytes.byteLength,
  }
}

async function feed(hash: MultiHash, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) await hash.update(chunk)
}

/** Makes every thread throw, by promising each of them more bytes than there are. */
async function killHashThreads(): Promise<void> {
  const deaths = Array.from({ length: 8 }, async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const lane = openLane(['sha256'], { taken() {}, hashed() {}, failed: () => resolve() })
    lane.update(new SharedArrayBuffer(1), 2)
    await promise
  })
  await Promise.all(deaths)
}

/** More segments than one hash may have beyond its first; all of them free when no hash runs. */
function freeSegments(): number {
  const taken = []
  for (let segment = takeSegment(false); segment; segment = takeSegment(false)) taken.push(segment)
  taken.forEach(giveBack)
  return taken.length
}

describe('a hash that cannot go on', () => {
  it.each([10, INLINE_BYTES * 4])('after %i bytes and abandon() takes nothing more', async (size) => {
    const hash = createMultiHash()
    await feed(hash, [bytesOf(size)])
    hash.abandon()
    hash.abandon()
    await expect((async () => hash.update(bytesOf(1)))()).rejects.toThrow()
    await expect(hash.finish()).rejects.toThrow()
  })

  it('gives all its memory back when it is abandoned, whether waiting or not', async () => {
    const before = freeSegments()
    const hashes = Array.from({ length: 30 }, () => createMultiHash())
    const waiting = hashes.map(async (hash) => feed(hash, [bytesOf(SEGMENT_BYTES * 8)]))
    const settled = Promise.allSettled(waiting)
    for (const hash of hashes) hash.abandon()
    await settled
    expect(freeSegments()).toBe(before)
  })

  it('fails, and does not hang, when its thread dies', async () => {
    const hash = createMultiHash()
    await feed(hash, [bytesOf(INLINE_BYTES * 2)])
    const waiting = createMultiHash()
    const fed = expect(feed(waiting, [Buffer.alloc(SEGMENT_BYTES * 400)])).rejects.toMatchObject({
      code: 'unavailable',
    })
    await killHashThreads()
    await fed
    for (const lost of [hash, waiting])
      await expect(lost.finish()).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    const bytes = bytesOf(INLINE_BYTES * 2)
    const next = createMultiHash()
    await feed(next, [bytes])
    expect(await next.finish()).toMatchObject({ sha256: oracle(bytes).sha256 })
  })

  it('is not disturbed when somebody else closes the idle threads', async () => {
    const bytes = bytesOf(INLINE_BYTES * 3)
    const hash = createMultiHash()
    await feed(hash, [bytes.subarray(0, INLINE_BYTES * 2)])
    await closeHashWorkers()
    await feed(hash, [bytes.subarray(INLINE_BYTES * 2)])
    expect(await hash.finish()).toMatchObject({ sha256: oracle(bytes).sha256 })
  })

  it('finishes once', async () => {
    for (const size of [1, INLINE_BYTES * 2]) {
      const hash = createMultiHash()
      await feed(hash, [bytesOf(size)])
      await hash.finish()
      await expect(hash.finish()).rejects.toThrow()
      hash.abandon()
    }
  })

  it('is abandoned by content that fails and by a reader that stops', async () => {
    const gone = new Error('gone')
    const failed = createMultiHash()
    await expect(readAll(hashContent(failingAfter(bytesOf(1_000_000), gone), failed))).rejects.toBe(gone)
    await expect(failed.finish()).rejects.toThrow()
    const left = createMultiHash()
    for await (const _ of hashContent(contentOf(bytesOf(1_000_000)), left)) break
    await expect(left.finish()).rejects.toThrow()
  })
})

describe('a hash of many algorithms', () => {
  it.each([
    0,
    1,
    INLINE_BYTES - 1,
    INLINE_BYTES,
    INLINE_BYTES + 1,
    SEGMENT_BYTES * 2 - 1,
    SEGMENT_BYTES * 2,
    SEGMENT_BYTES * 2 + 1,
    7_000_000,
  ])('is right for %i bytes, with and without SHA-512', async (size) => {
    const bytes = bytesOf(size, size + 11)
    const { sha512, ...others } = oracle(bytes)
    for (const chunk of [1_000_000_000, 64 * 1024, 9_973]) {
      const both = createMultiHash({ sha512: true })
      expect((await readAll(hashContent(contentOf(bytes, chunk), both))).equals(bytes)).toBe(true)
      expect(await both.finish()).toEqual({ sha512, ...others })
      const plain = createMultiHash()
      for await (const _ of hashContent(contentOf(bytes, chunk), plain));
      expect(await plain.finish()).toEqual(others)
    }
  })

  it('is the same for any cutting of the bytes', async () => {
    const cutting = fc.array(fc.integer({ min: 0, max: 150_000 }), { maxLength: 24 })
    await fc.assert(
      fc.asyncProperty(cutting, fc.integer({ min: 1, max: 1_000 }), async (lengths, seed) => {
        const bytes = bytesOf(
          lengths.reduce((sum, length) => sum + length, 0),
          seed,
        )
        const hash = createMultiHash({ sha512: true })
        let at = 0
        for (const length of lengths) {
          await hash.update(bytes.subarray(at, at + length))
          at += length
        }
        expect(await hash.finish()).toEqual(oracle(bytes))
      }),
      { numRuns: 25 },
    )
  })

  it('copies a chunk before it lets the next one come', async () => {
    for (const size of [4_096, 300_000]) {
      const hash = createMultiHash()
      const reused = Buffer.alloc(size)
      const whole: Buffer[] = []
      for (let n = 0; n < 12; n++) {
        reused.fill(n)
        whole.push(Buffer.from(reused))
        await hash.update(reused)
      }
      const { sha512: _, ...expected } = oracle(Buffer.concat(whole))
      expect(await hash.finish()).toEqual(expected)
    }
  })

  it('keeps many large bodies at once apart', async () => {
    const bodies = Array.from({ length: 24 }, (_, n) => bytesOf(1_500_000 + n, n + 1))
    const digests = await Promise.all(
      bodies.map(async (bytes) => {
        const hash = createMultiHash()
        for await (const _ of hashContent(contentOf(bytes), hash));
        return hash.finish()
      }),
    )
    for (const [n, bytes] of bodies.entries()) expect(digests[n]!.sha256).toBe(oracle(bytes).sha256)
    expect(new Set(digests.map((digest) => digest.blake3)).size).toBe(bodies.length)
  })
})

describe('bytes that are all here', () => {
  it('hash as the oracle says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const expected = oracle(bytes)
        expect(digestBytes(bytes, { sha512: true })).toEqual(expected)
        for (const algorithm of ['blake3', 'sha256', 'sha512'] as const)
          expect(digestWith(algorithm, bytes)).toBe(expected[algorithm])
      }),
    )
  })

  it('hash as a view into a larger buffer', () => {
    const large = bytesOf(10_000)
    const part = large.subarray(77, 5_000)
    const { sha512: _, ...expected } = oracle(Uint8Array.from(part))
    expect(digestBytes(part)).toEqual(expected)
  })
})

describe('BLAKE3', () => {
  // https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json: input byte n is n mod 251.
  it.each([
    [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
  ])('of %i bytes is what its authors published', (length, hex) => {
    const input = Uint8Array.from({ length }, (_, n) => n % 251)
    expect(digestWith('blake3', input)).toBe(`blake3:${hex}`)
  })

  it('is native on the platforms that tests run on, and the same as the portable one', () => {
    expect(hasNativeBlake3).toBe(true)
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 8 }), (chunks) => {
        const [native, portable] = [nativeBlake3Hasher(), portableBlake3Hasher()]
        for (const chunk of chunks) {
          native.update(chunk)
          portable.update(chunk)
        }
        expect(Buffer.from(native.digest()).equals(Buffer.from(portable.digest()))).toBe(true)
      }),
    )
  })
})

describe('a process that hashes', () => {
  const hashers = fileURLToPath(new URL('../../src/storage/hashers.ts', import.meta.url))
  const storage = fileURLToPath(new URL('../../src/storage/index.ts', import.meta.url))
  const imported = `import { createMultiHash } from ${JSON.stringify(storage)}`
  const run = (body: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', body], { encoding: 'utf8', timeout: 20_000 })

  it('does without the native module where none fits the platform', () => {
    const { status, stdout, stderr } = run(`
      import { registerHooks } from 'node:module'
      registerHooks({ resolve(name, context, next) {
        if (name === '@napi-rs/blake-hash') throw new Error('no binary for this platform')
        return next(name, context)
      } })
      const { digestWith, hasNativeBlake3 } = await import(${JSON.stringify(hashers)})
      console.log(hasNativeBlake3, digestWith('blake3', Buffer.from('abc')))
    `)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe(`false ${oracle(Buffer.from('abc')).blake3}\n`)
  })

  it('ends although a hash was never finished', () => {
    const { status, stderr } = run(`${imported}; await createMultiHash().update(new Uint8Array(600_000))`)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('does not end while somebody waits for a digest', () => {
    const { status, stdout } = run(
      `${imported}; const hash = createMultiHash(); await hash.update(new Uint8Array(5_000_000)); console.log((await hash.finish()).sha256)`,
    )
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${oracle(new Uint8Array(5_000_000)).sha256}\n` })
  })
})
