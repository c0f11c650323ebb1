/** The log as the doors see it: its feed, and what is said about its state. Part of `Registry`. */
import type { Digest, StoreHealth } from '../storage/index.ts'

export interface FeedEvent {
  readonly sequence: number
  readonly createdAt: string
  readonly type: string
  readonly subjectKind: string
  readonly subjectId: string
  readonly actor: string
  /** Null when erased. */
  readonly payload: Uint8Array | null
  readonly payloadDigest: Digest
}

export interface EventFeed {
  /**
   * Events after the cursor (absent: from the beginning), flushed ones only, waiting up to `waitMs` for the first.
   * Throws `cursor-unknown` for a cursor of another epoch or beyond the head.
   */
  read(request: {
    cursor?: string
    limit: number
    waitMs?: number
    types?: readonly string[]
    signal?: AbortSignal
  }): Promise<{ events: readonly FeedEvent[]; next: string }>
  /** The payload decoded to plain data, for projections; null when erased. */
  decode(event: FeedEvent): unknown
}

export interface RegistryHealth {
  readonly healthy: boolean
  readonly database: { readonly kind: string; readonly healthy: boolean; readonly detail: string }
  readonly backend: { readonly id: string } & StoreHealth
  readonly failedLocations: number
}

export interface ReplayReport {
  readonly sequence: number
  readonly events: number
  readonly changedRows: number
}

export interface ViewDifference {
  readonly view: string
  readonly table: string
  readonly key: string
  readonly live: string | null
  readonly rebuilt: string | null
}
export interface ViewReport {
  readonly sequence: number
  readonly rows: number
  /** The first 100. */
  readonly differences: readonly ViewDifference[]
}
export interface LogReport {
  readonly events: number
  readonly head: number
  /** The first sequence at which the chain, the order or a payload's digest is wrong. */
  readonly brokenAt?: number
  readonly problem?: string
}
