import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { digestBytes, type Expectation, verified, verifiedStream } from '../../src/storage/index.ts'
import { bytesOf, contentOf, failingAfter, readAll, watched } from '../support/bytes.ts'

const small = bytesOf(10_000)
const large = bytesOf(900_000)

/** How many bytes came out before the content failed, and how it failed. */
async function drain(content: AsyncIterable<Uint8Array>): Promise<{ passed: number; code?: unknown }> {
  let passed = 0
  try {
    for await (const chunk of content) passed += chunk.byteLength
    return { passed }
  } catch (error) {
    return { passed, code: (error as { code?: unknown }).code ?? error }
  }
}

describe.each([
  ['10 kB', small],
  ['900 kB', large],
])('verified content of %s', (_name, bytes) => {
  const digests = digestBytes(bytes, { sha512: true })
  const all = [digests.blake3, digests.sha256, digests.sha512!]

  it('fails at the end when the bytes are others', async () => {
    const others = Buffer.from(bytes)
    others[5_000]! ^= 1
    for (const digest of all)
      expect(await drain(verified(contentOf(others), { digest, size: bytes.length }))).toEqual({
        passed: bytes.length,
        code: 'digest-mismatch',
      })
  })

  it('fails at the end when bytes are missing, before their digest is looked at', async () => {
    const short = contentOf(bytes.subarray(0, -1))
    expect(await drain(verified(short, { digest: digests.sha256, size: bytes.length }))).toMatchObject({
      code: 'size-mismatch',
    })
  })

  it('fails at the first byte too many and reads no further', async () => {
    const long = watched(Buffer.concat([bytes, bytesOf(5_000_000)]))
    const { passed, code } = await drain(verified(long, { digest: digests.blake3, size: bytes.length }))
    expect(code).toBe('size-mismatch')
    expect(passed).toBeLessThanOrEqual(bytes.length)
    expect(long.read).toBeLessThan(bytes.length + 200_000)
    expect(long.isClosed).toBe(true)
  })

  it('fails as its source fails', async () => {
    const gone = new Error('gone')
    expect(await drain(verified(failingAfter(bytes.subarray(0, 9_000), gone), { digest: digests.sha256 }))).toEqual({
      passed: 9_000,
      code: gone,
    })
  })

  it('names both digests or both sizes in the error', async () => {
    await expect(
      readAll(verified(contentOf(bytes), { digest: digestBytes(small.subarray(1)).sha256 })),
    ).rejects.toMatchObject({
      detail: { expected: digestBytes(small.subarray(1)).sha256, actual: digests.sha256 },
    })
    await expect(readAll(verified(contentOf(bytes), { size: bytes.length + 1 }))).rejects.toMatchObject({
      detail: { expected: bytes.length + 1, actual: bytes.length },
    })
  })

  it('passes what is as expected, whatever was expected', async () => {
    const expectations: Expectation[] = [{}, { size: bytes.length }, ...all.map((digest) => ({ digest }))]
    for (const expected of expectations)
      expect((await readAll(verified(contentOf(bytes), expected))).equals(bytes)).toBe(true)
  })

  it('works as a stream within a pipeline', async () => {
    const collect = async (source: AsyncIterable<Uint8Array>) => readAll(source)
    const passed = await pipeline(Readable.from([bytes]), verifiedStream({ digest: digests.blake3 }), collect)
    expect(passed.equals(bytes)).toBe(true)
    await expect(
      pipeline(Readable.from([bytes]), verifiedStream({ size: bytes.length + 1 }), collect),
    ).rejects.toMatchObject({ code: 'size-mismatch' })
  })
})

it('empty content is verified like any other', async () => {
  const nothing = Buffer.alloc(0)
  expect(await drain(verified(contentOf(nothing), { size: 0, digest: digestBytes(nothing).sha256 }))).toEqual({
    passed: 0,
  })
  expect(await drain(verified(contentOf(nothing), { digest: digestBytes(small).sha256 }))).toEqual({
    passed: 0,
    code: 'digest-mismatch',
  })
})
