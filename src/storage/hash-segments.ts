/**
 * Shared memory through which bytes reach the hash threads, in segments that are used again and again. Each hash may
 * always have one; what they have beyond that is bounded for the whole process, so that many large uploads at once
 * cost little and none of them can starve another.
 */

/**
 * Bytes of a segment. Measured with SHA-256 and BLAKE3 on two cores of 1,650 MiB/s SHA-256: 1,250 MiB/s with 256 KiB,
 * 1,110 with 512 KiB, because what one core wrote has left its cache before the other reads it; below, messages cost.
 */
export const SEGMENT_BYTES = 256 * 1024
/** Segments in use beyond the first of each hash. */
const MOST_EXTRA = 64
/** Unused segments kept for the next hash. */
const MOST_SPARE = 16

const spare: SharedArrayBuffer[] = []
let extra = 0

export interface Segment {
  readonly memory: SharedArrayBuffer
  readonly bytes: Uint8Array
  readonly isExtra: boolean
  filled: number
}

/** A segment, or undefined when it would be beyond the bound. The first one of a hash is always given. */
export function takeSegment(isFirst: boolean): Segment | undefined {
  if (!isFirst && extra >= MOST_EXTRA) return undefined
  if (!isFirst) extra++
  const memory = spare.pop() ?? new SharedArrayBuffer(SEGMENT_BYTES)
  return { memory, bytes: new Uint8Array(memory), isExtra: !isFirst, filled: 0 }
}

export function giveBack(segment: Segment): void {
  forget(segment)
  if (spare.length < MOST_SPARE) spare.push(segment.memory)
}

/** For a segment that a thread may still be reading: it is left to the garbage collector instead of being reused. */
export function forget(segment: Segment): void {
  if (segment.isExtra) extra--
}
