/**
 * What is measured. A scene is one content, filled in once for each contestant and kept in its folder, and the workloads
 * on it; `rounds.ts` runs them.
 */
import type { Missing, Running } from './contestant.ts'

/** How large and how long a run is. */
export interface Scale {
  readonly isQuick: boolean
  readonly rounds: number
  /** Of one measurement. */
  readonly seconds: number
  /** Of the same load before it, which does not count: compilers, caches and connections. */
  readonly warmSeconds: number
  /** A contestant that a scene takes longer to fill than this is not in it. */
  readonly fillSeconds: number
  /** Scenes that a run of five minutes has no time for. */
  readonly leavesOut: readonly string[]
}

export const FULL: Scale = { isQuick: false, rounds: 3, seconds: 1, warmSeconds: 1, fillSeconds: 900, leavesOut: [] }
/** Two rounds, or it would take longer than the five minutes that one waits for an answer. */
export const QUICK: Scale = {
  isQuick: true,
  rounds: 2,
  seconds: 0.5,
  warmSeconds: 0.3,
  fillSeconds: 10,
  leavesOut: ['pull-storm', 'mixed'],
}
/** That everything works: once each, and nothing left out. */
export const CHECK: Scale = { ...QUICK, rounds: 1, warmSeconds: 0, leavesOut: [] }

/** Thrown by a filling: this contestant cannot be measured here, which the report says. It is no failure of the run. */
export class Unfit extends Error {}

export interface Sample {
  readonly value: number
  /** Milliseconds of one answer, or of one whole push, that 99 of 100 do not exceed; absent where one is all there is. */
  readonly p99?: number
}

export type Unit = 'requests/s' | 'MiB/s' | 'artifacts/s' | 'images/s' | 'lists/s' | 'operations/s' | 'ms' | 'MiB'

export interface Workload<Content> {
  readonly id: string
  readonly title: string
  readonly unit: Unit
  /** Where less is better: times and memory. */
  readonly isLessBetter?: true
  /** Left out of a quick run. */
  readonly isFullOnly?: boolean
  /** Of the load before it that does not count, where the run's own is too short for a compiler. */
  readonly warmSeconds?: number
  /** Measured as the server stands, without the same load before it. */
  readonly isCold?: true
  /** Measured in the first round alone: it takes long, or says the same each time. */
  readonly isOnce?: true
  /** Throws when any answer is not what it should be: a figure with a failure in it is none. */
  measure(server: Running, how: { readonly content: Content; readonly seconds: number }): Promise<Sample>
}

/** What the machine can do at all in some workloads of a scene, measured in the same rounds. `folder` is its own. */
export type Limit<Content> = {
  readonly id: string
  readonly title: string
  readonly workloads: readonly string[]
  /** Why it cannot be had; absent or undefined when it can. */
  readonly missing?: () => Promise<Missing | undefined>
} & (
  | {
      /** A server of fixed bytes, which takes the same load. */ start(
        content: Content,
        folder: string,
      ): Promise<Running>
    }
  | { /** A speed of the machine, in the workload's unit. */ speed(content: Content, folder: string): Promise<Sample> }
)

export interface Scene<Content> {
  readonly id: string
  readonly title: string
  /** Left out of a quick run. */
  readonly isFullOnly?: boolean
  /** The only contestants that it is for; absent: all. */
  readonly only?: readonly string[]
  /** The same for every contestant. */
  content(scale: Scale): Promise<Content>
  /**
   * Fills an empty server through `/v2/` and looks whether all of it is there; stops with `signal`, when it has taken too
   * long. Throws Unfit.
   */
  fill(server: Running, content: Content, options: { readonly signal: AbortSignal }): Promise<void>
  readonly workloads: (content: Content) => readonly Workload<Content>[]
  readonly limits?: readonly Limit<Content>[]
}
