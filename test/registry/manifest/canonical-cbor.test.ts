import { Encoder as CborX } from 'cbor-x'
import { decode as cbor2Decode, encode as cbor2Encode } from 'cbor2'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isRegistryError } from '../../../src/registry/errors.ts'
import { compareUtf8, decodeCanonical, encodeCanonical } from '../../../src/registry/manifest/canonical-cbor.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const fromHex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** Reason given for refused bytes; undefined when they are accepted. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeCanonical(bytes)
    return undefined
  } catch (error) {
    if (isRegistryError(error, 'manifest-invalid')) return String(error.detail.reason)
    throw error
  }
}

/** The oracle: another encoder, set to the same profile. */
const ORACLE_ENCODE = { dcbor: true, stringNormalization: undefined, rejectStringsNotNormalizedAs: undefined } as const
const ORACLE_DECODE = {
  dcbor: true,
  rejectStringsNotNormalizedAs: undefined,
  ignoreGlobalTags: true,
  convertUnsafeIntsToFloat: false,
} as const

const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => value.isWellFormed())
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const storable = number.filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value)).map((n) => n + 0)
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    storable,
    text,
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(text, tie('value'), { maxKeys: 6, noNullPrototype: true }),
  ),
}))

describe('refused values', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined has no canonical form'],
    ['a member that is undefined', { a: undefined }, 'undefined has no canonical form'],
    ['a BigInt', 1n, 'bigint has no canonical form'],
    ['a function', () => 1, 'function has no canonical form'],
    ['a symbol', Symbol('x'), 'symbol has no canonical form'],
    ['NaN', Number.NaN, 'NaN has no canonical form'],
    ['infinity', Number.POSITIVE_INFINITY, 'Infinity has no canonical form'],
    ['2^53', 2 ** 53, 'an integer is outside -(2^53-1) to 2^53-1'],
    ['-(2^53)', -(2 ** 53), 'an integer is outside -(2^53-1) to 2^53-1'],
    ['1e300', 1e300, 'an integer is outside -(2^53-1) to 2^53-1'],
    ['a lone surrogate', 'a\ud800', 'text contains a lone surrogate'],
    ['a lone surrogate in a long text', `${'a'.repeat(100)}\udfff`, 'text contains a lone surrogate'],
    ['a lone surrogate in a key', { '\ud800': 1 }, 'text contains a lone surrogate'],
    ['a Date', new Date(0), 'only plain data has a canonical form'],
    ['a Map', new Map(), 'only plain data has a canonical form'],
    ['an object of a class', new (class Point {})(), 'only plain data has a canonical form'],
    ['33 levels', nested(33), 'it is nested deeper than 32 levels'],
  ])('%s', (_, value, reason) => {
    expect(() => encodeCanonical(value)).toThrow(reason)
    expect(() => encodeCanonical(value)).toThrow(expect.objectContaining({ code: 'manifest-invalid' }))
  })

  it('are named by their JSON pointer', () => {
    expect(() => encodeCanonical({ files: [{ 'a/b~c': Number.NaN }] })).toThrow(
      expect.objectContaining({ detail: { field: '/files/0/a~1b~0c', reason: 'NaN has no canonical form' } }),
    )
  })

  it('leave the encoder as it was', () => {
    expect(() => encodeCanonical({ a: 'x'.repeat(50), b: undefined })).toThrow()
    expect(hex(encodeCanonical({ a: 1 }))).toBe('a1616101')
  })

  it('does not refuse 32 levels', () => {
    expect(decodeCanonical(encodeCanonical(nested(32)))).toEqual(nested(32))
  })
})

describe('refused bytes', () => {
  it.each([
    ['nothing at all', '', 'the document ends too early'],
    ['trailing bytes', '01 00', 'bytes follow the document'],
    ['an integer in a byte that would fit the head', '18 17', 'an integer or length is not in its shortest form'],
    ['an integer in two bytes that would fit one', '19 00ff', 'an integer or length is not in its shortest form'],
    ['an integer in four bytes that would fit two', '1a 0000ffff', 'an integer or length is not in its shortest form'],
    [
      'an integer in eight bytes that would fit four',
      '1b 00000000ffffffff',
      'an integer or length is not in its shortest form',
    ],
    ['a negative integer that is too long', '38 17', 'an integer or length is not in its shortest form'],
    ['a text length that is too long', '78 01 61', 'an integer or length is not in its shortest form'],
    ['a map length that is too long', 'b8 01 6161 01', 'an integer or length is not in its shortest form'],
    ['2^53', '1b 0020000000000000', 'an integer is outside -(2^53-1) to 2^53-1'],
    ['2^64-1', '1b ffffffffffffffff', 'an integer is outside -(2^53-1) to 2^53-1'],
    ['-(2^53)', '3b 001fffffffffffff', 'an integer is outside -(2^53-1) to 2^53-1'],
    ['-(2^64)', '3b ffffffffffffffff', 'an integer is outside -(2^53-1) to 2^53-1'],
    ['keys out of order', 'a2 6162 01 6161 02', 'map keys are not in bytewise order'],
    ['a longer key before a shorter one', 'a2 626161 01 6162 02', 'map keys are not in bytewise order'],
    ['a repeated key', 'a2 6161 01 6161 02', 'a map key stands twice'],
    ['an integer key', 'a1 01 02', 'a map key is not text'],
    ['a byte-string key', 'a1 4161 02', 'a map key is not text'],
    ['an indefinite array', '9f 01 ff', 'indefinite lengths are not allowed'],
    ['an indefinite map', 'bf 6161 01 ff', 'indefinite lengths are not allowed'],
    ['an indefinite text', '7f 6161 ff', 'indefinite lengths are not allowed'],
    ['an indefinite byte string', '5f 4161 ff', 'indefinite lengths are not allowed'],
    ['a break alone', 'ff', 'indefinite lengths are not allowed'],
    ['a reserved additional information value', '1c', 'a reserved additional information value is used'],
    ['a tag', 'c0 60', 'tags are not allowed'],
    ['a bignum', 'c2 49 010000000000000000', 'tags are not allowed'],
    ['undefined', 'f7', 'undefined is not allowed'],
    ['a simple value', 'f0', 'simple values other than false, true and null are not allowed'],
    ['false in two bytes', 'f8 14', 'simple values other than false, true and null are not allowed'],
    ['1.0 as a float', 'f9 3c00', 'an integer is written as a float'],
    ['-0.0', 'f9 8000', 'an integer is written as a float'],
    ['1.5 in four bytes', 'fa 3fc00000', 'a float is not in its shortest form'],
    ['1.5 in eight bytes', 'fb 3ff8000000000000', 'a float is not in its shortest form'],
    ['a subnormal half in four bytes', 'fa 33800000', 'a float is not in its shortest form'],
    ['NaN', 'f9 7e00', 'NaN and infinities are not allowed'],
    ['NaN with a payload', 'fb 7ff8000000000001', 'NaN and infinities are not allowed'],
    ['infinity', 'f9 7c00', 'NaN and infinities are not allowed'],
    ['an integer beyond 2^53 as a float', 'fa 7f7fffff', 'an integer is written as a float'],
    ['text that is not UTF-8', '61 ff', 'text is not valid UTF-8'],
    ['an overlong UTF-8 form', '62 c080', 'text is not valid UTF-8'],
    ['a surrogate in UTF-8', '63 eda080', 'text is not valid UTF-8'],
    ['a text that is cut off', '62 61', 'the document ends too early'],
    ['an array that claims 2^32-1 values', '9a ffffffff', 'the document ends too early'],
    ['a map that claims 2^53 members', 'bb 0020000000000000', 'the document ends too early'],
    ['a byte string that claims 2^63 bytes', '5b 8000000000000000', 'the document ends too early'],
    ['a head that is cut off', '1b 0000', 'the document ends too early'],
    ['33 levels', `${'81'.repeat(33)}01`, 'it is nested deeper than 32 levels'],
    ['20,000 levels', `${'81'.repeat(20_000)}01`, 'it is nested deeper than 32 levels'],
    ['20,000 levels of maps', `${'a16161'.repeat(20_000)}01`, 'it is nested deeper than 32 levels'],
  ])('%s', (_, bytes, reason) => {
    expect(refusal(fromHex(bytes))).toBe(reason)
  })

  it('are named by offset', () => {
    expect(() => decodeCanonical(fromHex('82 01 f7'))).toThrow(
      expect.objectContaining({ code: 'manifest-invalid', detail: { reason: 'undefined is not allowed', offset: 2 } }),
    )
  })
})

describe('accepted values', () => {
  // RFC 8949, appendix A, and the numeric cases of the dCBOR draft, as far as the profile goes.
  it.each<[unknown, string]>([
    [0, '00'],
    [-0, '00'],
    [1, '01'],
    [23, '17'],
    [24, '1818'],
    [255, '18ff'],
    [256, '190100'],
    [65_535, '19ffff'],
    [65_536, '1a00010000'],
    [4_294_967_295, '1affffffff'],
    [4_294_967_296, '1b0000000100000000'],
    [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    [-1, '20'],
    [-24, '37'],
    [-25, '3818'],
    [-256, '38ff'],
    [-257, '390100'],
    [-4_294_967_296, '3affffffff'],
    [-4_294_967_297, '3b0000000100000000'],
    [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
    [1.5, 'f93e00'],
    [-4.1, 'fbc010666666666666'],
    [2 ** -24, 'f90001'],
    [2 ** -14, 'f90400'],
    [1023 * 2 ** -24, 'f903ff'],
    [2 ** -25, 'fa33000000'],
    [65_503.5, 'fa477fdf80'],
    [1.1, 'fb3ff199999999999a'],
    [5e-324, 'fb0000000000000001'],
    [2 ** -149, 'fa00000001'],
    [false, 'f4'],
    [true, 'f5'],
    [null, 'f6'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['"\\', '62225c'],
    ['ü', '62c3bc'],
    ['水', '63e6b0b4'],
    ['𐅑', '64f0908591'],
    ['\ufeffa', '64efbbbf61'],
    ['\0', '6100'],
    [new Uint8Array(), '40'],
    [fromHex('01020304'), '4401020304'],
    [[], '80'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [{}, 'a0'],
    [{ b: [2, 3], a: 1 }, 'a26161016162820203'],
    [{ aa: 1, b: 2 }, 'a261620262616101'],
    [JSON.parse('{"__proto__":{"x":1},"constructor":2}'), 'a2695f5f70726f746f5f5fa16178016b636f6e7374727563746f7202'],
  ])('%j is %s and back', (value, bytes) => {
    expect(hex(encodeCanonical(value))).toBe(bytes)
    expect(decodeCanonical(fromHex(bytes))).toStrictEqual(Object.is(value, -0) ? 0 : value)
  })

  it('keeps __proto__ as a member, without touching the prototype', () => {
    const value = decodeCanonical(encodeCanonical(JSON.parse('{"__proto__":{"polluted":true}}'))) as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect('polluted' in value).toBe(false)
  })

  it('keeps both Unicode forms of a name apart and unchanged', () => {
    const value = { '\u00e9': 1, 'e\u0301': 2 }
    expect(decodeCanonical(encodeCanonical(value))).toEqual(value)
    expect(Object.keys(value)).toHaveLength(2)
  })

  it('orders keys by length and then by the bytes of UTF-8, not by UTF-16 units', () => {
    const value = { '\u{10000}': 1, '\uffff': 2, '\ue000': 3, zz: 4, b: 5, '\u07ff': 6 }
    const keys = Object.keys(decodeCanonical(encodeCanonical(value)) as object)
    expect(keys).toEqual(['b', 'zz', '\u07ff', '\ue000', '\uffff', '\u{10000}'])
  })

  it.each([
    ['\uffffa', '\u{10000}'],
    ['\ue000b', '\u{1f642}'],
    ['x\u{fffd}a', 'x\u{10ffff}'],
  ])('puts %j before %j, which UTF-16 would turn round', (first, second) => {
    expect(compareUtf8(first, second)).toBeLessThan(0)
    expect(compareUtf8(second, first)).toBeGreaterThan(0)
    const bytes = encodeCanonical({ [second]: 2, [first]: 1 })
    expect(Object.keys(decodeCanonical(bytes) as object)).toEqual([first, second])
    expect(hex(bytes)).toBe(hex(cbor2Encode({ [first]: 1, [second]: 2 }, ORACLE_ENCODE)))
  })

  it('sorts maps of any size', () => {
    const big = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${(i * 7919) % 1000}`, i]))
    expect(hex(encodeCanonical(big))).toBe(hex(cbor2Encode(big, ORACLE_ENCODE)))
  })

  it('does not share memory between results', () => {
    const first = encodeCanonical('first')
    encodeCanonical('other')
    expect(decodeCanonical(first)).toBe('first')
  })

  it('takes a value of any size, and a small one after it', () => {
    const large = 'x'.repeat(5_000_000)
    expect(decodeCanonical(encodeCanonical([large, large]))).toEqual([large, large])
    expect(hex(encodeCanonical([1]))).toBe('8101')
  })
})

describe('properties', () => {
  it('decoding gives back what was encoded', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeCanonical(encodeCanonical(value))).toEqual(value)
      }),
    )
  })

  it('the bytes do not depend on the order of members', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed)
      if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
      const copy = {}
      for (const [key, member] of Object.entries(value).reverse()) {
        Object.defineProperty(copy, key, { value: reversed(member), enumerable: true })
      }
      return copy
    }
    fc.assert(fc.property(anyValue, (value) => hex(encodeCanonical(reversed(value))) === hex(encodeCanonical(value))))
  })

  it('another encoder writes the same bytes', () => {
    fc.assert(fc.property(anyValue, (value) => hex(encodeCanonical(value)) === hex(cbor2Encode(value, ORACLE_ENCODE))))
  })

  it('two other decoders read the same value', () => {
    const cborX = new CborX({ mapsAsObjects: true, useRecords: false })
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeCanonical(value)
        expect(cbor2Decode(bytes, ORACLE_DECODE)).toEqual(value)
        // cbor-x writes `__proto__` as `__proto_`, so it is compared on documents without it.
        if (!hex(bytes).includes('5f5f70726f746f5f5f')) expect(withoutBigInts(cborX.decode(bytes))).toEqual(value)
      }),
    )
  })

  it('no change of one byte, and no cut, makes another document that is not canonical', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, position, flip) => {
        const bytes = encodeCanonical(value)
        const changed = bytes.slice()
        changed[position % bytes.length]! ^= flip
        for (const candidate of [changed, bytes.slice(0, position % bytes.length)]) {
          if (refusal(candidate) === undefined)
            expect(hex(encodeCanonical(decodeCanonical(candidate)))).toBe(hex(candidate))
        }
        expect(refusal(bytes.slice(0, position % bytes.length))).toBeDefined()
      }),
    )
  })

  it('random bytes are accepted only where they are canonical, and then the oracle reads the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        if (refusal(bytes) !== undefined) return
        const value = decodeCanonical(bytes)
        expect(hex(encodeCanonical(value))).toBe(hex(bytes))
        expect(cbor2Decode(bytes, ORACLE_DECODE)).toEqual(value)
      }),
      { numRuns: 3000 },
    )
  })

  it('text is compared as its UTF-8 bytes are', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
  })
})

/** cbor-x reads every negative integer of eight bytes as BigInt. */
function withoutBigInts(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(withoutBigInts)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutBigInts(member)]))
}
