import { describe, expect, test } from 'vitest'
import {
  contentRangeOf,
  ifMatchHolds,
  ifRangeHolds,
  isNotModified,
  nextLink,
  parseContentRange,
  parseCount,
  requestedRange,
} from '../../src/http/index.ts'

describe('Range of a download', () => {
  test.each([
    ['bytes=500-0', 2048],
    ['bytes=5000-10000', 2048],
    ['bytes=2048-', 2048],
    ['bytes=0-', 0],
    ['bytes=-0', 2048],
    ['bytes=-5', 0],
  ])('%s of %i bytes cannot be satisfied', (header, size) => {
    expect(requestedRange(header, size)).toEqual({ kind: 'unsatisfiable' })
  })

  test.each([
    ['bytes=500-1499', 500, 1499],
    ['bytes=500-', 500, 2047],
    ['bytes=-500', 1548, 2047],
    ['bytes=2000-5000', 2000, 2047],
    ['bytes=-5000', 0, 2047],
    ['bytes=0-0', 0, 0],
  ])('%s asks for a part', (header, first, last) => {
    expect(requestedRange(header, 2048)).toEqual({ kind: 'part', first, last })
  })

  test.each([undefined, '', 'bytes=-', 'bytes=a-b', 'items=0-1', 'bytes=0-1,5-6', 'bytes 0-1'])(
    '%s asks for the whole',
    (header) => {
      expect(requestedRange(header, 2048)).toEqual({ kind: 'whole' })
    },
  )

  test('counts only for the version that If-Range names', () => {
    expect(ifRangeHolds(undefined, '"a"')).toBe(true)
    expect(ifRangeHolds('"a"', '"a"')).toBe(true)
    expect(ifRangeHolds('"b"', '"a"')).toBe(false)
    expect(ifRangeHolds('W/"a"', '"a"')).toBe(false)
    expect(ifRangeHolds('Wed, 21 Oct 2026 07:28:00 GMT', '"a"')).toBe(false)
  })

  test('is answered with what was sent, or with the size alone', () => {
    expect(contentRangeOf(10, { first: 2, last: 4 })).toBe('bytes 2-4/10')
    expect(contentRangeOf(10)).toBe('bytes */10')
  })
})

describe('Content-Range of an upload', () => {
  test.each(['', '5-4', 'bytes 0-9/9', 'bytes=x', '0-', '-5', '0-1-2', '0-99999999999999999999'])(
    '%s is refused',
    (header) => {
      expect(parseContentRange(header)).toBeUndefined()
    },
  )

  test('is read in both notations', () => {
    expect(parseContentRange('0-1023')).toEqual({ first: 0, last: 1023 })
    expect(parseContentRange('bytes 5-9/*')).toEqual({ first: 5, last: 9 })
    expect(parseContentRange('bytes 5-9/10')).toEqual({ first: 5, last: 9, total: 10 })
    expect(parseContentRange('bytes=5-9')).toEqual({ first: 5, last: 9 })
  })
})

describe('conditions', () => {
  test('If-None-Match knows lists, stars, weak tags and bare digests', () => {
    for (const header of ['"d"', 'd', 'W/"d"', '*', '"x", "d"']) expect(isNotModified(header, '"d"')).toBe(true)
    for (const header of [undefined, '"x"', '']) expect(isNotModified(header, '"d"')).toBe(false)
  })

  test('If-Match never holds for what is not there, nor for weak tags', () => {
    expect(ifMatchHolds(undefined, undefined)).toBe(true)
    expect(ifMatchHolds('*', undefined)).toBe(false)
    expect(ifMatchHolds('*', '"d"')).toBe(true)
    expect(ifMatchHolds('W/"d"', '"d"')).toBe(false)
  })
})

describe('pages', () => {
  test('the next link is path-absolute and leaves out what was not asked', () => {
    expect(nextLink('/v2/a/tags/list', { n: 2, last: 'v1+x', none: undefined })).toBe(
      '</v2/a/tags/list?n=2&last=v1%2Bx>; rel="next"',
    )
    expect(nextLink('/r', { type: ['a', 'b'] })).toBe('</r?type=a&type=b>; rel="next"')
  })

  test('a count is decimal digits and nothing else', () => {
    expect(['0', '25', '-1', '1.5', '1e3', '', ' 1', '0x1'].map(parseCount)).toEqual([
      0,
      25,
      ...Array(6).fill(undefined),
    ])
  })
})
