import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pairPath } from '../../../src/registry/ref-store/pair-path.ts'

it.each([
  ['a', 'a@pair'],
  ['stacks/t_123/web/42', 'stacks/t_123/web/42@pair'],
  ['v1.2/x.json', 'v1.2/x.json@pair'],
  ['..a/.b', '%2e.a/%2eb@pair'],
  ['A', '%41@pair'],
  ['a@pair', 'a%40pair@pair'],
  ['é', '%c3%a9@pair'],
  ['%41', '%2541@pair'],
])('the pair of %s lies at %s', (ref, path) => {
  expect(pairPath(ref.split('/'))).toBe(path)
})

it('no name is longer than file systems take', () => {
  const names = pairPath(['é'.repeat(512)]).split('/')
  expect(names.map((name) => name.length <= 255)).toEqual(names.map(() => true))
  expect(names).toHaveLength(16)
})

it('different refs have different paths, also where the file system folds case and Unicode forms', () => {
  const segment = fc.oneof(
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: 3 })
      .filter((text) => text.isWellFormed() && !text.includes('/')),
    fc.constantFrom('a', 'A', 'é', 'e\u0301', 'a@more', '%41', '.', 'x'.repeat(200), 'x'.repeat(201)),
  )
  const ref = fc.array(segment, { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(ref, ref, (a, b) => {
      const folded = (segments: string[]) => pairPath(segments).normalize('NFC').toLowerCase()
      expect(folded(a) === folded(b)).toBe(a.join('/') === b.join('/'))
    }),
    { numRuns: 500 },
  )
})
