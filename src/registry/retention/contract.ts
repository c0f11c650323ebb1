/** What the doors see of retention. */
import type { Page, PageRequest, Visible } from '../registry.ts'
import type { RetentionClass } from './classes.ts'

export interface RetentionState {
  readonly packageId: string
  readonly retentionClass: string
  /** Seconds that the class gives; null: no expiry, also of a class that is configured no more. */
  readonly defaultDurationSeconds: number | null
  /** ISO 8601; null: no expiry. */
  readonly expiresAt: string | null
  /** Whether it may be deleted: nothing keeps it any more. */
  readonly isEligible: boolean
  /** Of the package itself, those that stand first. */
  readonly holds: readonly Hold[]
  /** What else keeps it: the indexes that list it, and its subject. */
  readonly keptBy: readonly {
    readonly packageId: string
    readonly retentionClass: string
    readonly expiresAt: string | null
    /** Ids. */
    readonly holds: readonly string[]
  }[]
}

export interface Hold {
  readonly id: string
  readonly packageId: string
  readonly reason: string
  /** The matter that it belongs to, as its users call it. */
  readonly caseReference: string | null
  readonly appliedAt: string
  readonly appliedBy: string
  /** Null while it stands. */
  readonly released: { readonly at: string; readonly by: string; readonly reason: string } | null
}

export interface HoldFilter {
  /** Of this matter. */
  readonly caseReference?: string
  /** Only those that stand, or only those that were released. */
  readonly isStanding?: boolean
}

/** A line of the history, from the log. What an erasure took is absent. */
export interface RetentionChange {
  readonly sequence: number
  readonly at: string
  readonly type: string
  readonly actor: string
  readonly reason?: string
  readonly expiresAt?: string | null
  readonly retentionClass?: string
  readonly holdId?: string
  readonly caseReference?: string | null
}

/** What a sweep did, or would do. */
export interface SweepReport {
  readonly dryRun: boolean
  /** Packages that it marked. */
  readonly eligible: number
  /** Packages whose time is over and that are held. */
  readonly held: number
  /** Ids of those that it marked, at most 100. */
  readonly packages: readonly string[]
}

/** All throw `package-unknown`; every change throws `field-invalid` without a reason. */
export interface Retention {
  /** In order of strength. */
  classes(): readonly RetentionClass[]
  state(packageId: string): Promise<RetentionState>
  /** Throws `expiry-not-later`. `expiresAt`: ISO 8601. */
  extend(
    packageId: string,
    request: { readonly expiresAt: string; readonly reason: string; readonly actor: string },
  ): Promise<RetentionState>
  /** Throws `class-not-stronger`, `retention-class-unknown`. */
  raise(
    packageId: string,
    request: { readonly retentionClass: string; readonly reason: string; readonly actor: string },
  ): Promise<RetentionState>
  applyHold(
    packageId: string,
    request: { readonly reason: string; readonly caseReference?: string; readonly actor: string },
  ): Promise<Hold>
  /** Throws `hold-unknown`, `hold-released`, `denied` where the one who applied it must not release it. */
  releaseHold(
    packageId: string,
    holdId: string,
    request: { readonly reason: string; readonly actor: string },
  ): Promise<Hold>
  /**
   * Newest first. With `visible`, only on packages of repositories that it allows; a page may then have fewer entries than
   * asked for and still be followed by another. Throws `cursor-unknown`.
   */
  holds(filter: HoldFilter, page: PageRequest, visible?: Visible): Promise<Page<Hold>>
  /** Oldest first. */
  history(packageId: string, page: PageRequest): Promise<Page<RetentionChange>>
  /** Marks what is over and not held as eligible for deletion. Throws `clock-doubted` while the clock is not believed. */
  sweep(options?: { readonly dryRun?: boolean }): Promise<SweepReport>
}
