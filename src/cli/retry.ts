/**
 * Trying again while a server is away: restarted, overloaded, behind a proxy that has lost it. Each outage has about a
 * minute; every success starts the count anew.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface RetryPolicy {
  /** Milliseconds before each further attempt. */
  readonly delays: readonly number[]
  readonly sleep: (milliseconds: number) => Promise<void>
  /** Called once an outage, before its first wait. */
  readonly onOutage: (reason: string) => void
}

/** For commands that do one thing and can be typed again. */
export const NO_RETRY: RetryPolicy = { delays: [], sleep: async () => {}, onOutage: () => {} }

/** The policy cut to some seconds. */
export function firstContact(policy: RetryPolicy): RetryPolicy {
  return { ...policy, delays: policy.delays.slice(0, 4) }
}

/** 60 s in all. */
const DELAYS = [250, 500, 1_000, 2_000, 4_000, 5_000, 6_250, 8_000, 8_000, 8_000, 8_500, 8_500]

export function retryPolicy(onOutage: (reason: string) => void): RetryPolicy {
  return { delays: DELAYS, onOutage, sleep: async (milliseconds) => void (await sleep(milliseconds)) }
}

export interface Outage {
  readonly reason: string
  /** What the server asked for. */
  readonly waitMilliseconds?: number
}

/** Runs `attempt` until it answers, fails with what is no outage, or the delays are used up (its last error). */
export async function withRetry<T>(
  policy: RetryPolicy,
  attempt: () => Promise<T>,
  outageOf: (error: unknown) => Outage | undefined,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      const outage = outageOf(error)
      const delay = policy.delays[tries]
      if (!outage || delay === undefined) throw error
      if (tries === 0) policy.onOutage(outage.reason)
      await policy.sleep(Math.min(Math.max(delay, outage.waitMilliseconds ?? 0), 10_000))
    }
  }
}
