/** What travels of retention: as types, and as the schemas that OpenAPI names. */
import { claim, count, instant, type JsonSchema, list, nullable, record, text } from './json-schema.ts'

export interface HoldJson {
  readonly hold_id: string
  readonly package_id: string
  readonly reason: string
  readonly case: string | null
  readonly applied_at: string
  readonly applied_by: string
  readonly released_at: string | null
  readonly released_by: string | null
  readonly release_reason: string | null
}

export interface RetentionJson {
  readonly package_id: string
  readonly retention_class: string
  readonly default_duration_seconds: number | null
  readonly expires_at: string | null
  readonly eligible: boolean
  readonly holds: readonly HoldJson[]
  readonly kept_by: readonly {
    readonly package_id: string
    readonly retention_class: string
    readonly expires_at: string | null
    readonly holds: readonly string[]
  }[]
}

export interface RetentionChangeJson {
  readonly sequence: number
  readonly at: string
  readonly event_type: string
  readonly actor: string
  readonly reason?: string
  readonly expires_at?: string | null
  readonly retention_class?: string
  readonly hold_id?: string
  readonly case?: string | null
}

export interface RetentionHistoryJson {
  readonly changes: readonly RetentionChangeJson[]
  readonly next_cursor: string | null
}

export interface RetentionClassJson {
  readonly name: string
  readonly default_duration_seconds: number | null
}

/** `POST …/retention/extensions` */
export interface NewExtensionJson {
  readonly new_expires_at: string
  readonly reason: string
}

/** `PUT …/retention/class` */
export interface NewClassJson {
  readonly retention_class: string
  readonly reason: string
}

/** `POST …/retention/holds` */
export interface NewHoldJson {
  readonly reason: string
  readonly case?: string
}

/** `POST …/holds/{hold}/release` */
export interface ReleaseJson {
  readonly reason: string
}

export interface HoldPageJson {
  readonly holds: readonly HoldJson[]
  readonly next_cursor: string | null
}

/** `POST /retention/sweeps` */
export interface NewSweepJson {
  readonly dry_run?: boolean
}

export interface SweepJson {
  readonly dry_run: boolean
  readonly eligible: number
  readonly held: number
  readonly packages: readonly string[]
}

const REASON = text('Why; it stays in the log', { minLength: 1, maxLength: 2_000, examples: ['audit 2026-14'] })
const CASE = text('The matter that it belongs to, as its users call it', { maxLength: 255, examples: ['C-17'] })
const EXPIRY = nullable(instant('Null: no expiry'))

const HOLD = record(
  {
    hold_id: text(),
    package_id: text(),
    reason: REASON,
    case: nullable(CASE),
    applied_at: instant(),
    applied_by: text('The authenticated identity'),
    released_at: nullable(instant('Null while it stands')),
    released_by: nullable(text()),
    release_reason: nullable(text()),
  },
  {},
  'Forbids the deletion of a package until it is released',
)

const KEEPER = record({
  package_id: text(),
  retention_class: text(),
  expires_at: EXPIRY,
  holds: list(text(), 'Ids of those that stand'),
})

export const RETENTION_SCHEMAS = {
  Hold: HOLD,
  Retention: record({
    package_id: text(),
    retention_class: text(),
    default_duration_seconds: nullable(count('What the class gives; null: no expiry')),
    expires_at: EXPIRY,
    eligible: { ...claim, description: 'Whether nothing keeps it any more' },
    holds: list({ $ref: '#/components/schemas/Hold' }, 'Its own, those that stand first'),
    kept_by: list(KEEPER, 'What else keeps it: the indexes that list it, and its subject'),
  }),
  RetentionChange: record(
    {
      sequence: count('Of its event'),
      at: instant(),
      event_type: text(),
      actor: text('The authenticated identity'),
    },
    { reason: text(), expires_at: EXPIRY, retention_class: text(), hold_id: text(), case: nullable(text()) },
    'What an erasure took is absent',
  ),
  RetentionHistory: record({
    changes: list({ $ref: '#/components/schemas/RetentionChange' }),
    next_cursor: nullable(text('What to pass as cursor for the following page; null on the last')),
  }),
  HoldPage: record({
    holds: list({ $ref: '#/components/schemas/Hold' }),
    next_cursor: nullable(text('What to pass as cursor for the following page; null on the last')),
  }),
  RetentionClassList: record({
    retention_classes: list(
      record({ name: text(), default_duration_seconds: nullable(count('Null: no expiry')) }),
      'In order of strength',
    ),
  }),
  NewExtension: record({
    new_expires_at: instant('Later than the present expiry'),
    reason: REASON,
  }),
  NewClass: record({ retention_class: text('One that keeps at least as long', { minLength: 1 }), reason: REASON }),
  NewHold: record({ reason: REASON }, { case: CASE }),
  Release: record({ reason: REASON }),
  NewSweep: record({}, { dry_run: { ...claim, description: 'Only say what would be marked' } }),
  Sweep: record({
    dry_run: claim,
    eligible: count('Packages that it marked'),
    held: count('Packages whose time is over and that are held'),
    packages: list(text(), 'Ids of those that it marked, at most 100'),
  }),
  ConfirmedClock: record({ now: instant('What the clock says') }),
} as const satisfies Record<string, JsonSchema>
