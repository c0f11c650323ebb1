import { expect, test } from 'vitest'
import { createAttempts } from '../../../src/registry/auth/attempts.ts'

const HERE = '192.0.2.1'

function attemptsAt() {
  const time = { now: 1_000_000 }
  return { time, attempts: createAttempts(() => time.now) }
}

test('some failures are forgiven, then each waits twice as long as the one before, a minute at most', () => {
  const { time, attempts } = attemptsAt()
  for (let n = 0; n < 10; n += 1) {
    attempts.failed(HERE)
    expect(attempts.wait(HERE)).toBeUndefined()
  }
  const waits: number[] = []
  for (let n = 0; n < 8; n += 1) {
    attempts.failed(HERE)
    waits.push(attempts.wait(HERE)!)
    time.now += waits.at(-1)! * 1_000
    expect(attempts.wait(HERE)).toBeUndefined()
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
})

test('other addresses are not kept out, and after a while all is forgotten', () => {
  const { time, attempts } = attemptsAt()
  for (let n = 0; n < 20; n += 1) attempts.failed(HERE)
  expect(attempts.wait('192.0.2.2')).toBeUndefined()
  time.now += 11 * 60_000
  attempts.failed(HERE)
  expect(attempts.wait(HERE)).toBeUndefined()
})

test('a name that is guessed at from everywhere waits, except where its owner has signed in before', () => {
  const { attempts } = attemptsAt()
  attempts.succeeded(HERE, 'alice')
  for (let n = 0; n < 20; n += 1) attempts.failed(`198.51.100.${n}`, 'alice')
  expect(attempts.wait('203.0.113.9', 'alice')).toBeGreaterThan(0)
  expect(attempts.wait('203.0.113.9', 'bob')).toBeUndefined()
  expect(attempts.wait(HERE, 'alice')).toBeUndefined()
})

test('a network of IPv6 counts as one address', () => {
  const { attempts } = attemptsAt()
  for (let n = 0; n < 20; n += 1) attempts.failed(`2001:db8:1:2::${n.toString(16)}`)
  expect(attempts.wait('2001:db8:1:2:ffff::1')).toBeGreaterThan(0)
  expect(attempts.wait('2001:db8:1:3::1')).toBeUndefined()
  expect(attempts.wait('::1')).toBeUndefined()
})
