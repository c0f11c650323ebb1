import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clampRange, containsRange, lengthOf } from '../../src/storage/index.ts'

const offset = fc.integer({ min: -3, max: 60 })
const size = fc.integer({ min: 0, max: 50 })

describe('a byte range', () => {
  it.each([
    [{ first: 0, last: 0 }, 0],
    [{ first: 5, last: 9 }, 5],
    [{ first: 3, last: 2 }, 10],
    [{ first: -1, last: 2 }, 10],
  ])('%j has no part of %i bytes', (range, bytes) => {
    expect(clampRange(range, bytes)).toBeUndefined()
    expect(containsRange(range, bytes)).toBe(false)
  })

  it('clamps to the bytes that a blob has at those offsets, and to nothing else', () => {
    fc.assert(
      fc.property(offset, offset, size, (first, last, bytes) => {
        fc.pre(first >= 0)
        const wanted = Array.from({ length: bytes }, (_, n) => n).filter((n) => n >= first && n <= last)
        const part = clampRange({ first, last }, bytes)
        expect(part).toEqual(wanted.length > 0 ? { first: wanted[0], last: wanted.at(-1) } : undefined)
        if (part) {
          expect(lengthOf(part)).toBe(wanted.length)
          expect(containsRange(part, bytes)).toBe(true)
        }
      }),
    )
  })

  it('is contained exactly when clamping changes nothing', () => {
    fc.assert(
      fc.property(offset, offset, size, (first, last, bytes) => {
        const clamped = clampRange({ first, last }, bytes)
        expect(containsRange({ first, last }, bytes)).toBe(clamped?.first === first && clamped?.last === last)
      }),
    )
  })
})
