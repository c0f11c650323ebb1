import { expect, test } from 'vitest'
import { ACCESSES, COMBINATIONS, chosen, ENGINES, LEVELS, nameOf } from '../../conformance/combinations.ts'

test('the newest suite runs at both levels, in every way of access, on both databases', () => {
  const wanted = LEVELS.flatMap((level) =>
    ACCESSES.flatMap((access) => ENGINES.map((engine) => ({ suite: 'newest', level, access, engine }))),
  )
  expect(wanted).toHaveLength(16)
  expect(COMBINATIONS.filter(({ suite }) => suite === 'newest')).toEqual(wanted)
})

test('the older suite runs in every way of access on both databases', () => {
  const older = COMBINATIONS.filter(({ suite }) => suite === 'v1.1.1')
  expect(older.map(({ access, engine }) => `${access} ${engine}`).sort()).toEqual(
    ACCESSES.flatMap((access) => ENGINES.map((engine) => `${access} ${engine}`)).sort(),
  )
})

test('no two have the same name', () => {
  expect(new Set(COMBINATIONS.map(nameOf)).size).toBe(COMBINATIONS.length)
})

test('words choose by the beginnings of words, so that 1.1 is the level and not the suite', () => {
  expect(chosen('')).toEqual(COMBINATIONS)
  expect(chosen('dev token post').map(nameOf)).toEqual(['newest dev token postgresql'])
  expect(chosen('1.1 basic').map(nameOf)).toEqual(['newest 1.1 basic sqlite', 'newest 1.1 basic postgresql'])
  expect(chosen('v1.1.1 tls').map(nameOf)).toEqual(['v1.1.1 tls sqlite', 'v1.1.1 tls postgresql'])
  expect(chosen('oken')).toEqual([])
})
