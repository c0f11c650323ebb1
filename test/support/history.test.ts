import { expect, test } from 'vitest'
import { History } from './history.ts'

test('a read of what was surely replaced, or never written, is a contradiction', () => {
  const history = new History()
  history.read('a:v1', history.begin(), undefined)
  history.write('a:v1', 'one').done()
  history.write('a:v1', 'two').done()
  history.read('a:v1', history.begin(), 'two')
  expect(history.contradictions).toEqual([])
  history.read('a:v1', history.begin(), 'one')
  history.read('a:v1', history.begin(), undefined)
  history.read('a:v1', history.begin(), 'three')
  expect(history.contradictions).toHaveLength(3)
})

test('what overlaps, and what nobody knows the end of, may be seen or not', () => {
  const history = new History()
  const before = history.begin()
  const open = history.write('a:v1', 'one')
  history.read('a:v1', before, undefined)
  history.read('a:v1', history.begin(), 'one')
  open.done()
  history.read('a:v1', before, undefined)
  expect(history.contradictions).toEqual([])
  history.write('a:v1', undefined).never()
  history.read('a:v1', history.begin(), undefined)
  expect(history.contradictions).toHaveLength(1)
})
