/**
 * A view: tables folded from the log. Folding is deterministic: no clock, no randomness, no reads outside the view's
 * own tables, so that a rebuild gives the same rows byte for byte. A changed fold bumps `version`, which schedules a
 * rebuild in place of a data migration.
 */
import type { Answer, Sql, TableSpec } from '../database/sql.ts'
import type { EventPayloads, EventType, RecordedEvent } from '../events/event.ts'

/** An event of the type `T` whose payload was not erased. */
export type EventOf<T extends EventType> = Extract<RecordedEvent, { type: T }> & { payload: EventPayloads[T] }

export type Fold<T extends EventType> = (sql: Sql, event: EventOf<T>) => Answer<unknown>
export type Folds = { readonly [T in EventType]?: Fold<T> }
/** What an erased event leaves: at most a stub row of id and kind. Without a fold here it leaves nothing. */
export type StubFolds = { readonly [T in EventType]?: (sql: Sql, event: RecordedEvent) => Answer<unknown> }

export interface View {
  readonly name: string
  readonly version: number
  readonly tables: readonly TableSpec[]
  /** The folds over tables named by `table`, which prefixes them while they are rebuilt. */
  folds(table: (name: string) => string): { readonly on: Folds; readonly erased?: StubFolds }
}

/** Applies an event to every view that folds its type. */
export type Applier = (sql: Sql, event: RecordedEvent) => Promise<void>

type AnyFold = (sql: Sql, event: RecordedEvent) => Answer<unknown>

export function createApplier(views: readonly View[], prefix = ''): Applier {
  const folds = views.map((view) => view.folds((name) => `${prefix}${name}`))
  const on = new Map<string, AnyFold[]>()
  const erased = new Map<string, AnyFold[]>()
  for (const { on: live, erased: stubs = {} } of folds) {
    for (const [type, fold] of Object.entries(live)) on.set(type, [...(on.get(type) ?? []), fold as AnyFold])
    for (const [type, fold] of Object.entries(stubs)) erased.set(type, [...(erased.get(type) ?? []), fold as AnyFold])
  }
  const none: AnyFold[] = []
  return async (sql, event) => {
    for (const fold of (event.payload === null ? erased : on).get(event.type) ?? none) await fold(sql, event)
  }
}
