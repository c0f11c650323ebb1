import { describe, expect, it } from 'vitest'
import { ByteCache } from '../../src/registry/byte-cache.ts'
import { Choices } from '../support/choices.ts'

describe('a cache bounded by bytes', () => {
  it('keeps nothing that is larger than its bound, nor what stood there before', () => {
    const cache = new ByteCache<string>(10_000)
    cache.set('a', 'small', 10)
    cache.set('a', 'large', 10_000)
    expect([cache.get('a'), cache.bytes]).toEqual([undefined, 0])
  })

  it('forgets first what nobody asked for the longest', () => {
    const cache = new ByteCache<string>(10_000)
    for (const key of ['a', 'b', 'c']) cache.set(key, key, 3_000)
    expect(cache.get('a')).toBe('a')
    cache.set('d', 'd', 3_000)
    expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual(['a', undefined, 'c', 'd'])
  })

  it('counts keys too, and an entry that is replaced once', () => {
    const cache = new ByteCache<string>(10_000)
    cache.set('k'.repeat(1_000), 'v', 1_000)
    const once = cache.bytes
    expect(once).toBeGreaterThan(3_000)
    cache.set('k'.repeat(1_000), 'w', 1_000)
    expect([cache.get('k'.repeat(1_000)), cache.bytes]).toEqual(['w', once])
    cache.clear()
    expect([cache.get('k'.repeat(1_000)), cache.bytes]).toEqual([undefined, 0])
  })

  it('stays within its bound whatever is put in', () => {
    const choose = new Choices(1)
    const cache = new ByteCache<number>(20_000)
    for (let n = 0; n < 5_000; n += 1) {
      cache.set(String(choose.below(100)), n, choose.below(choose.of([100, 5_000, 30_000])))
      expect(cache.bytes).toBeLessThanOrEqual(20_000)
    }
    expect(cache.bytes).toBeGreaterThan(0)
  })
})
