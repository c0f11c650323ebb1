/** The reader that `verify` has of its own, held against the published vectors and the registry's writer. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCbor } from '../../src/cli/verify/cbor.ts'
import { encodeCanonical } from '../../src/registry/index.ts'

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../schemas/vectors/${name}.json`, import.meta.url), 'utf8')) as {
    [key: string]: unknown
  }[]
const hex = (text: string) => Buffer.from(text, 'hex')

test.each([
  ['nothing', ''],
  ['a text that ends too early', '6261'],
  ['a list that is longer than its bytes', '9bffffffffffffffff'],
  ['a map that is longer than its bytes', 'bb001fffffffffffff'],
  ['a list without a definite length', '9f01ff'],
  ['two values', '0101'],
  ['a byte string', '4101'],
  ['a tag', 'c001'],
  ['undefined', 'f7'],
  ['a name that is no text', 'a10101'],
  ['a name that stands twice', 'a2616101616102'],
  ['a text that is not UTF-8', '61ff'],
  ['a number beyond 2^53-1', '1b0020000000000000'],
  ['deep lists', `${'81'.repeat(100_000)}01`],
])('%s is refused', (_, bytes) => {
  expect(() => readCbor(hex(bytes))).toThrow()
})

describe('what the registry writes is read as the same value', () => {
  test.each(vectors('values').map(({ name, json, cbor }) => [name as string, json, cbor as string]))(
    '%s',
    (_, json, cbor) => {
      expect(JSON.stringify(readCbor(hex(cbor)), sorted)).toBe(JSON.stringify(json, sorted))
    },
  )

  test.each(vectors('manifests').map(({ name, jcs, cbor }) => [name as string, jcs as string, cbor as string]))(
    'the manifest %s',
    (_, jcs, cbor) => {
      expect(JSON.stringify(readCbor(hex(cbor)), sorted)).toBe(JSON.stringify(JSON.parse(jcs), sorted))
    },
  )

  test('any', () => {
    const fraction = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((each) => !Number.isInteger(each))
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((each) => each.isWellFormed())
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom(null, true, false),
        fc.maxSafeInteger(),
        fraction,
        text,
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(text, tie('value'), { maxKeys: 5 }),
      ),
    }))
    fc.assert(
      fc.property(value, (each) => {
        expect(JSON.stringify(readCbor(encodeCanonical(each as never)), sorted)).toBe(JSON.stringify(each, sorted))
      }),
      { numRuns: 1_000, seed: 4 },
    )
  })

  test('floats of every width', () => {
    for (const number of [1.5, 0.1, 2 ** -24, 65504.5, -2.25, 1.1754943508222875e-38, 2 ** -14 * 1.5, 5e-324]) {
      expect(readCbor(encodeCanonical(number as never))).toBe(number)
    }
  })
})

function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
