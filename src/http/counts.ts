/**
 * What is counted while requests are answered, as plain numbers. prom-client shows them, and is loaded when somebody asks
 * (`metrics.ts`).
 */
import type { MetricValueWithName } from 'prom-client'

export type CountedValue = MetricValueWithName<string>

/** What prom-client asks of a metric, and all that it asks. */
export interface Counted {
  readonly name: string
  get(): Promise<{
    readonly name: string
    readonly help: string
    readonly type: CountedType
    readonly aggregator: 'sum'
    readonly values: CountedValue[]
  }>
}

type CountedType = 'counter' | 'gauge' | 'histogram'

/** `values` is called each time somebody asks. */
export function counted(
  { name, help, type }: { readonly name: string; readonly help: string; readonly type: CountedType },
  values: () => CountedValue[],
): Counted {
  return { name, get: async () => ({ name, help, type, aggregator: 'sum', values: values() }) }
}

export interface Count {
  readonly counted: Counted
  add(amount: number): void
}

export function createCount(facts: { name: string; help: string; type: 'counter' | 'gauge' }): Count {
  let value = 0
  return {
    counted: counted(facts, () => [{ labels: {}, value }]),
    add(amount) {
      value += amount
    },
  }
}

/** How often each value of one label occurred. */
export interface Tally {
  readonly counted: Counted
  add(value: string): void
}

export function createTally({ label, ...facts }: { name: string; help: string; label: string }): Tally {
  const counts = new Map<string, number>()
  const values = () => [...counts].map(([each, value]): CountedValue => ({ labels: { [label]: each }, value }))
  return {
    counted: counted({ ...facts, type: 'counter' }, values),
    add(value) {
      counts.set(value, (counts.get(value) ?? 0) + 1)
    },
  }
}
