/** Numbers of rounds: what stands for them, how far they lie apart, and whether two are told apart at all. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** (highest - lowest) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

/** The same without the tenth at either end: of a hundred looks at a machine one falls into a hiccup. */
export function middleSpread(values: readonly number[]): number {
  return (percentile(values, 0.9) - percentile(values, 0.1)) / median(values)
}

/** Of each round's own pair, because machines change speed between rounds: drift cancels out within a pair. */
export function pairedRatio(values: readonly number[], others: readonly number[]): number {
  return median(values.map((value, round) => value / others[round]!))
}

/** The value below which `share` (0 to 1) of them lie. NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Whether the rounds of one contain a value on the other's side: a difference smaller than the spread tells nothing. */
export function isTie(values: readonly number[], others: readonly number[]): boolean {
  return Math.min(...values) <= Math.max(...others) && Math.min(...others) <= Math.max(...values)
}
