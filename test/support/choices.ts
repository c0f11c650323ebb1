/** Choices that look random and are the same for the same seed (mulberry32): a failure can be run again. */
export class Choices {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  /** True `percent` times of a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
}
