/** Counts of metrics under way: each worker is asked for its part, and whoever wanted them gets all. */
import type { MetricsPart } from '../http/index.ts'
import type { ToWorker } from './worker-messages.ts'

export interface MetricsCounts {
  /** Asks `workers` for theirs, for the worker `id` that knows this as its own `count`. */
  begin(asker: { id: number; count: number }, workers: Set<number>): void
  add(count: number, worker: number, part: MetricsPart): void
  /** A worker that died has nothing to say any more. */
  lose(worker: number): void
}

interface Count {
  readonly asker: { readonly id: number; readonly count: number }
  readonly missing: Set<number>
  readonly parts: MetricsPart[]
}

const KEPT = 100

export function createMetricsCounts(tell: (worker: number, order: ToWorker) => void): MetricsCounts {
  const running = new Map<number, Count>()
  let last = 0
  const heard = (id: number, count: Count, worker: number): void => {
    count.missing.delete(worker)
    if (count.missing.size > 0) return
    running.delete(id)
    tell(count.asker.id, { kind: 'counted', id: count.asker.count, parts: count.parts })
  }
  return {
    begin(asker, workers) {
      const id = ++last
      running.set(id, { asker, missing: workers, parts: [] })
      // A worker that hangs answers none.
      if (running.size > KEPT) running.delete(running.keys().next().value!)
      for (const worker of workers) tell(worker, { kind: 'measure', count: id })
    },
    add(id, worker, part) {
      const count = running.get(id)
      if (!count) return
      count.parts.push(part)
      heard(id, count, worker)
    },
    lose(worker) {
      for (const [id, count] of running) heard(id, count, worker)
    },
  }
}
