import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonTextProblem } from '../../../src/registry/metadata/json-text.ts'
import {
  METADATA_LIMIT_BYTES,
  metadataProblem,
  parseMetadataText,
  searchKeys,
  validateMetadata,
} from '../../../src/registry/metadata/metadata.ts'

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) })

describe('metadata is refused', () => {
  it.each<[string, unknown, string]>([
    ['null', null, ''],
    ['a list', [], ''],
    ['text', 'a', ''],
    ['a Date', new Date(0), ''],
    ['an integer beyond 2^53-1', { a: { 'b/c': [0, 2 ** 53] } }, '/a/b~1c/1'],
    ['an integer below -(2^53-1)', { a: -(2 ** 53) }, '/a'],
    ['1e300, an integer', { a: 1e300 }, '/a'],
    ['NaN', { a: Number.NaN }, '/a'],
    ['infinity', { a: Number.NEGATIVE_INFINITY }, '/a'],
    ['a lone surrogate', { a: ['\udc00'] }, '/a/0'],
    ['a lone surrogate in a name', { '\ud800': 1 }, '/\ud800'],
    ['U+0000', { a: 'x\0' }, '/a'],
    ['a name of 257 bytes', { [`${'ü'.repeat(128)}x`]: 1 }, `/${'ü'.repeat(128)}x`],
    ['17 levels', nested(17), `/${'a/'.repeat(15)}a`],
    ['undefined', { a: undefined }, '/a'],
    ['a function', { a: () => 1 }, '/a'],
    ['a BigInt', { a: 1n }, '/a'],
    ['bytes', { a: new Uint8Array(1) }, '/a'],
    ['a Map', { a: new Map() }, '/a'],
    ['more than 64 KiB', { a: 'x'.repeat(METADATA_LIMIT_BYTES) }, ''],
  ])('for %s', (_, value, pointer) => {
    expect(metadataProblem(value)?.pointer).toBe(pointer)
    expect(() => validateMetadata(value)).toThrow(
      expect.objectContaining({
        code: 'metadata-invalid',
        detail: expect.objectContaining({ field: `/metadata${pointer}` }),
      }),
    )
  })

  it.each([
    ['text that is not JSON', '{a:1}', ''],
    ['a name that stands twice', '{"a":1,"b":{"x":[{"c":1,"\\u0063":2}]}}', '/b/x/0/c'],
    ['an integer that JSON.parse would round', '{"id":12345678901234567890}', '/id'],
    ['an integer with an exponent', '{"id":1e20}', '/id'],
    ['a number beyond all doubles', '{"id":1e999}', '/id'],
    ['a lone surrogate in an escape', '{"a":"\\ud800"}', '/a'],
    ['100,000 levels', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, ''],
  ])('as text for %s', (_, text, pointer) => {
    expect(() => parseMetadataText(text)).toThrow(
      expect.objectContaining({
        code: 'metadata-invalid',
        detail: expect.objectContaining({ field: `/metadata${pointer}` }),
      }),
    )
  })

  it('with a message that no terminal takes for a command', () => {
    expect(() => validateMetadata({ '\u001b[31m': 1n })).toThrow(
      "metadata is refused at '/\ufffd[31m': it is no JSON value",
    )
  })
})

describe('metadata is accepted', () => {
  it.each<[string, unknown]>([
    ['empty', {}],
    ['floats', { a: 0.1, b: -1.5, c: 5e-324, d: 1.7976931348623157e-300 }],
    ['the largest integers', { a: Number.MAX_SAFE_INTEGER, b: Number.MIN_SAFE_INTEGER }],
    ['16 levels', nested(16)],
    ['a name of 256 bytes', { ['ü'.repeat(128)]: 1 }],
    ['64 KiB to the byte', { a: 'x'.repeat(METADATA_LIMIT_BYTES - '{"a":""}'.length) }],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 })],
    ['a member named __proto__', JSON.parse('{"__proto__":{"a":1}}')],
    ['both Unicode forms of a name', { '\u00e9': 1, 'e\u0301': 2 }],
  ])('with %s, and comes back itself', (_, value) => {
    expect(validateMetadata(value)).toBe(value)
  })

  it('as text, as JSON.parse reads it', () => {
    const text = '{ "a\\"b" : [ "}", {"a":1}, {"a":2} ], "n": -1.5e-3, "": {"":""} , "__proto__": 1 }'
    expect(parseMetadataText(text)).toEqual(JSON.parse(text))
    expect(Object.keys(parseMetadataText(text))).toContain('__proto__')
  })
})

describe('the keys that filters search', () => {
  it('are top-level scalars as text', () => {
    const metadata = { s: 'text', n: 1.5, i: -3, t: true, f: false, z: null, o: { a: 1 }, l: [1], e: '' }
    expect(Object.fromEntries(searchKeys(metadata))).toEqual({
      s: 'text',
      n: '1.5',
      i: '-3',
      t: 'true',
      f: 'false',
      z: 'null',
      e: '',
    })
  })
})

describe('repeated names in JSON text', () => {
  it('are found in any JSON, and nothing else is', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(jsonTextProblem(text)).toBeUndefined()
        expect(jsonTextProblem(JSON.stringify(JSON.parse(text), null, '\t '))).toBeUndefined()
        expect(jsonTextProblem(`{"k":${text}, "k" :${text}}`)).toEqual({ pointer: '/k', reason: 'stands twice' })
        expect(jsonTextProblem(`[0,{"k":${text},"l":[${text}],"\\u006b":0}]`)?.pointer).toBe('/1/k')
      }),
    )
  })

  it('are told apart from equal values and from names in other objects', () => {
    expect(jsonTextProblem('{"a":"a","b":["a","a",{"a":"b"},{"a":"b"}],"c":{"a":1}}')).toBeUndefined()
    expect(jsonTextProblem('{"\\\\":1,"\\\\\\"":2}')).toBeUndefined()
  })
})
