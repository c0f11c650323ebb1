import { describe, expect, it } from 'vitest'
import { preferredType } from '../../src/native-api/accept.ts'

const OFFERED = ['application/cbor', 'application/json'] as const

describe('the preferred media type', () => {
  it.each([
    ['text/html'],
    ['application/json;q=0'],
    ['application/*;q=0, text/plain'],
    ['*/*;q=0'],
    ['application/json;q=nonsense'],
  ])('is none for %s', (accept) => {
    expect(preferredType(accept, OFFERED)).toBeUndefined()
  })

  it.each([
    [undefined, 'application/cbor'],
    ['', 'application/cbor'],
    ['*/*', 'application/cbor'],
    ['application/*', 'application/cbor'],
    ['application/json', 'application/json'],
    ['APPLICATION/JSON; charset=utf-8', 'application/json'],
    ['application/cbor;q=0.1, application/json', 'application/json'],
    ['application/json;q=0.5, */*;q=0.4', 'application/json'],
    ['application/cbor;q=0, */*', 'application/json'],
    ['text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8', 'application/cbor'],
  ])('for %s is %s', (accept, expected) => {
    expect(preferredType(accept, OFFERED)).toBe(expected)
  })
})
