/** A run of bytes inside a blob. Offsets count from 0 and `last` is inclusive. Header syntax lives in `http/`. */

export interface ByteRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

export function lengthOf(range: ByteRange): number {
  return range.last - range.first + 1
}

/** The part of `range` that a blob of `size` bytes has; undefined when there is none. */
export function clampRange(range: ByteRange, size: number): ByteRange | undefined {
  if (range.first < 0 || range.first > range.last || range.first >= size) return undefined
  return { first: range.first, last: Math.min(range.last, size - 1) }
}

export function containsRange(range: ByteRange, size: number): boolean {
  return range.first >= 0 && range.first <= range.last && range.last < size
}
