import { expect, test } from 'vitest'
import { isTie, median, middleSpread, pairedRatio, percentile, spread } from '../../bench/figures.ts'

test('the median is the middle, or the mean of the two in the middle', () => {
  expect(median([5, 1, 9])).toBe(5)
  expect(median([9, 1, 3, 5])).toBe(4)
})

test('a hiccup in a hundred looks is no noise, one in five is', () => {
  const quiet = Array.from({ length: 100 }, (_, n) => 100 + (n % 5))
  expect(middleSpread([...quiet, 20])).toBeLessThan(0.05)
  expect(middleSpread(quiet.map((value, n) => (n % 5 === 0 ? value / 2 : value)))).toBeGreaterThan(0.4)
})

test('the spread is the distance of the extremes, of the median', () => {
  expect(spread([90, 100, 120])).toBeCloseTo(0.3)
})

test('a ratio is the median of the rounds’ own ratios: what slows a round down slows both', () => {
  expect(pairedRatio([10, 5, 20], [5, 2.5, 10])).toBe(2)
})

test('the 99th percentile of a hundred is the largest but none', () => {
  const values = Array.from({ length: 100 }, (_, n) => n + 1)
  expect(percentile(values, 0.99)).toBe(100)
  expect(percentile(values, 0.5)).toBe(51)
  expect(percentile([], 0.99)).toBeNaN()
})

test('rounds that overlap are a tie, whichever is larger', () => {
  expect(isTie([10, 12, 14], [13, 15, 16])).toBe(true)
  expect(isTie([13, 15, 16], [10, 12, 14])).toBe(true)
  expect(isTie([10, 12], [13, 15])).toBe(false)
})
