/**
 * The hash of a large body: copies it into shared segments and hands each to all of its lanes. The caller
 * goes on receiving and writing meanwhile; when all segments are under way, `update` makes it wait.
 */
import type { Algorithm } from './digest.ts'
import { forget, giveBack, SEGMENT_BYTES, type Segment, takeSegment } from './hash-segments.ts'
import { type Lane, lanesFor, openLane } from './hash-workers.ts'

/** Segments of one hash: one being filled, the others under way, so that no lane waits for the next. */
const MOST_SEGMENTS = 4

interface Sent {
  readonly segment: Segment
  /** Lanes that have not answered yet. */
  open: number
}

interface LaneState {
  readonly lane: Lane
  /** What this lane has not answered, oldest first. */
  readonly queue: Sent[]
}

export class ThreadedHash {
  readonly #lanes: LaneState[]
  readonly #wanted: number
  readonly #hashes = new Map<Algorithm, Uint8Array>()
  #current: Segment | undefined
  #held = 0
  #ended = false
  #failure: Error | undefined
  /** Who waits: for a free segment, or for the last hash. */
  #wake: (() => void) | undefined

  constructor(algorithms: readonly Algorithm[]) {
    this.#wanted = algorithms.length
    this.#lanes = lanesFor(algorithms).map((group) => {
      const queue: Sent[] = []
      const lane = openLane(group, {
        taken: () => this.#taken(queue),
        hashed: (hashes) => this.#hashed(group, hashes),
        failed: (error) => this.#fail(error),
      })
      return { lane, queue }
    })
  }

  update(bytes: Uint8Array): void | Promise<void> {
    const left = this.#copy(bytes)
    if (left.byteLength > 0) return this.#copyAll(left)
  }

  /** The hash of each algorithm over all bytes so far. */
  async finish(): Promise<ReadonlyMap<Algorithm, Uint8Array>> {
    this.#requireOpen()
    if (this.#current) this.#send(this.#current)
    for (const { lane } of this.#lanes) lane.finish()
    while (this.#hashes.size < this.#wanted) await this.#awake()
    this.#ended = true
    return this.#hashes
  }

  abandon(): void {
    if (this.#ended) return
    this.#fail(new Error('the hash was abandoned'))
  }

  /** Copies what fits into segments at hand and returns the rest. */
  #copy(bytes: Uint8Array): Uint8Array {
    this.#requireOpen()
    let rest = bytes
    while (rest.byteLength > 0) {
      const segment = this.#segment()
      if (!segment) break
      const part = rest.subarray(0, SEGMENT_BYTES - segment.filled)
      segment.bytes.set(part, segment.filled)
      segment.filled += part.byteLength
      rest = rest.subarray(part.byteLength)
      if (segment.filled === SEGMENT_BYTES) this.#send(segment)
    }
    return rest
  }

  async #copyAll(bytes: Uint8Array): Promise<void> {
    let rest = bytes
    while (rest.byteLength > 0) {
      await this.#awake()
      rest = this.#copy(rest)
    }
  }

  #segment(): Segment | undefined {
    if (this.#current) return this.#current
    if (this.#held >= MOST_SEGMENTS) return undefined
    this.#current = takeSegment(this.#held === 0)
    if (this.#current) this.#held++
    return this.#current
  }

  #send(segment: Segment): void {
    this.#current = undefined
    const sent: Sent = { segment, open: this.#lanes.length }
    for (const { lane, queue } of this.#lanes) {
      queue.push(sent)
      lane.update(segment.memory, segment.filled)
    }
  }

  #taken(queue: Sent[]): void {
    const sent = queue.shift()!
    if (--sent.open > 0) return
    this.#held--
    giveBack(sent.segment)
    this.#wake?.()
  }

  #hashed(algorithms: readonly Algorithm[], hashes: readonly Uint8Array[]): void {
    for (const [n, algorithm] of algorithms.entries()) this.#hashes.set(algorithm, hashes[n]!)
    this.#wake?.()
  }

  /** Sleeps until a segment comes back or a hash arrives. Throws what ended the hash meanwhile. */
  async #awake(): Promise<void> {
    for (const { lane } of this.#lanes) lane.setAwaited(true)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
    for (const { lane } of this.#lanes) lane.setAwaited(false)
    if (this.#failure) throw this.#failure
  }

  #requireOpen(): void {
    if (this.#failure) throw this.#failure
    if (this.#ended) throw new Error('the hash has ended')
  }

  #fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = error
    for (const { lane } of this.#lanes) lane.drop()
    if (this.#current) giveBack(this.#current)
    this.#current = undefined
    const sent = new Set(this.#lanes.flatMap(({ queue }) => queue))
    for (const { segment } of sent) forget(segment)
    this.#wake?.()
  }
}
