/** Time and ids that the test moves. */
import type { Ids } from '../../src/registry/index.ts'

export interface TestClock {
  (): number
  now: number
  advance(seconds: number): void
}

export function testClock(start = '2026-01-01T00:00:00Z'): TestClock {
  const clock = Object.assign(() => clock.now, {
    now: Date.parse(start),
    advance(seconds: number) {
      clock.now += seconds * 1_000
    },
  })
  return clock
}

/** The same ids in every run; `salt` keeps several sources apart. */
export function sequentialIds(salt = ''): Ids {
  let count = 0
  const next = (): string => {
    count += 1
    return Buffer.from(`${salt}.${count}`).toString('hex').padStart(32, '0').slice(-32)
  }
  return {
    uuid() {
      const hex = next()
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
    },
    random: (length) => Buffer.from(next().repeat(Math.ceil(length / 16)), 'hex').subarray(0, length),
  }
}
