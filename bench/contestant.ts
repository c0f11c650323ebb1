/**
 * Who is measured: servers that answer the same requests, started one at a time in a folder of their own. What each of
 * them promises stands beside its figures, because a push that may be lost is not the same work as one that may not.
 */

export interface Promises {
  /** Whether an acknowledged push survives a loss of power, in a few words: `yes`, or what is missing. */
  readonly durable: string
  /** Whether it makes the disk keep anything before it acknowledges: the work that takes the time. */
  readonly isFlushing: boolean
  /** `on`, or `off` with the reason. */
  readonly authentication: string
  /** What the configuration is, in a few words, such as `its quick start's configuration`. */
  readonly configuration: string
}

export interface Contestant {
  /** One word, as `--against` takes it: `zot-commit`. */
  readonly id: string
  /** With its version: `zot 2.1.20, commit: true`. */
  readonly title: string
  readonly promises: Promises
  /** The only scenes that it is measured in; absent: all. */
  readonly scenes?: readonly string[]
  /** Whether it is a registry, or one of the limits that serve fixed bytes alone. */
  readonly kind: 'ours' | 'registry'
  /** Starts it on loopback, on a free port, with its data below `folder`, where what it stored before still is. */
  start(folder: string): Promise<Running>
}

export interface Running {
  readonly url: string
  /** Where its data is. */
  readonly folder: string
  /** Of every request. */
  readonly headers: Readonly<Record<string, string>>
  /** All processes that it runs as, the first one first: memory and processor time are summed over them. */
  readonly pids: () => Promise<readonly number[]>
  /** Milliseconds from spawning to the first answered request. */
  readonly startMs: number
  /** Resolves when its processes have ended; the folder stays. */
  stop(): Promise<void>
}

/** One that could not be had, named in the report and never guessed. */
export interface Missing {
  readonly id: string
  readonly title: string
  /** A sentence: what was looked for and how it can be given. */
  readonly why: string
}
