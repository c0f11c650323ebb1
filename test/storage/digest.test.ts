import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ALGORITHMS, algorithmOf, digestOf, hexOf, isAlgorithm, parseDigest } from '../../src/storage/index.ts'

const BYTES = { blake3: 32, sha256: 32, sha512: 64 } as const
const hex64 = 'ab'.repeat(32)

describe('a digest', () => {
  it.each([
    '',
    ':',
    'sha256',
    'sha256:',
    `:${hex64}`,
    `sha256:${hex64.toUpperCase()}`,
    `SHA256:${hex64}`,
    `sha256:${hex64}0`,
    `sha256:${hex64.slice(1)}`,
    `sha512:${hex64}`,
    `sha1:${hex64}`,
    `sha256: ${hex64.slice(1)}`,
    `sha256:${hex64}\n`,
    ` sha256:${hex64}`,
    `sha256:sha256:${hex64}`,
    `sha256:${'g'.repeat(64)}`,
    `sha256:${'../'.repeat(21)}a`,
    `__proto__:${hex64}`,
    `constructor:${hex64}`,
  ])('is not %j', (text) => {
    expect(parseDigest(text)).toBeUndefined()
  })

  it('is never made from text that is not exactly algorithm and hex', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (!/^(blake3|sha256):[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/.test(text))
          expect(parseDigest(text)).toBeUndefined()
      }),
    )
  })

  it('refuses hash bytes of a length that its algorithm has not', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ALGORITHMS), fc.uint8Array({ maxLength: 80 }), (algorithm, hash) => {
        fc.pre(hash.length !== BYTES[algorithm])
        expect(() => digestOf(algorithm, hash)).toThrow(RangeError)
      }),
    )
  })

  it('comes apart into what it was made of', () => {
    const made = fc
      .constantFrom(...ALGORITHMS)
      .chain((algorithm) =>
        fc
          .uint8Array({ minLength: BYTES[algorithm], maxLength: BYTES[algorithm] })
          .map((hash) => ({ algorithm, hash })),
      )
    fc.assert(
      fc.property(made, ({ algorithm, hash }) => {
        const digest = digestOf(algorithm, hash)
        expect(parseDigest(digest)).toBe(digest)
        expect(algorithmOf(digest)).toBe(algorithm)
        expect(hexOf(digest)).toBe(Buffer.from(hash).toString('hex'))
      }),
    )
  })

  it('is made from a view into a larger buffer without its neighbours', () => {
    const large = new Uint8Array(100).fill(1)
    large.fill(2, 10, 42)
    expect(hexOf(digestOf('sha256', large.subarray(10, 42)))).toBe('02'.repeat(32))
  })

  it('knows its algorithms and no property of objects', () => {
    expect(ALGORITHMS.every(isAlgorithm)).toBe(true)
    expect(['toString', 'SHA256', ''].some(isAlgorithm)).toBe(false)
  })
})
