/**
 * A histogram of request durations, in the place of prom-client's own: that one finds its series by sorting and joining all
 * labels and its bucket by a decimal number as text, which took 6 % of a manifest GET. prom-client still exposes it.
 */
import { type Counted, type CountedValue, counted } from './counts.ts'

const NAME = 'artifactstore_http_request_duration_seconds'
/** Upper bounds in seconds. From a manifest out of memory to a blob of many gigabytes. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300]
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
/** A client may invent methods; each would be a time series. */
const OTHER = METHODS.length

interface Series {
  /** Of each bucket alone, the last one without an upper bound. */
  readonly counts: number[]
  sum: number
}

export interface RequestDurations {
  readonly counted: Counted
  observe(request: { route: string; method: string; status: number; milliseconds: number }): void
}

export function createRequestDurations(): RequestDurations {
  /** By route, and then by method and status in one number. */
  const routes = new Map<string, Map<number, Series>>()
  const help = 'From the head of a request to the end of its answer.'
  return {
    counted: counted({ name: NAME, help, type: 'histogram' }, () => valuesOf(routes)),
    observe({ route, method, status, milliseconds }) {
      const seconds = milliseconds / 1_000
      const series = seriesOf(routes, route, keyOf(method, status))
      series.sum += seconds
      series.counts[bucketOf(seconds)]! += 1
    },
  }
}

function seriesOf(routes: Map<string, Map<number, Series>>, route: string, key: number): Series {
  let ofRoute = routes.get(route)
  if (!ofRoute) {
    ofRoute = new Map()
    routes.set(route, ofRoute)
  }
  let series = ofRoute.get(key)
  if (!series) {
    series = { counts: Array.from({ length: BUCKETS.length + 1 }, () => 0), sum: 0 }
    ofRoute.set(key, series)
  }
  return series
}

function keyOf(method: string, status: number): number {
  const index = METHODS.indexOf(method)
  return status * (OTHER + 1) + (index < 0 ? OTHER : index)
}

function bucketOf(seconds: number): number {
  let bucket = 0
  while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket += 1
  return bucket
}

/** As the exposition format has them: each bucket with all below it, then `+Inf`, sum and count. */
function valuesOf(routes: ReadonlyMap<string, ReadonlyMap<number, Series>>): CountedValue[] {
  const values: CountedValue[] = []
  for (const [route, ofRoute] of routes) {
    for (const [key, { counts, sum }] of ofRoute) {
      const method = METHODS[key % (OTHER + 1)] ?? 'OTHER'
      const labels = { route, method, status: Math.floor(key / (OTHER + 1)) }
      let below = 0
      for (const [bucket, count] of counts.entries()) {
        below += count
        const le = BUCKETS[bucket] ?? '+Inf'
        values.push({ metricName: `${NAME}_bucket`, labels: { le, ...labels }, value: below })
      }
      values.push({ metricName: `${NAME}_sum`, labels, value: sum })
      values.push({ metricName: `${NAME}_count`, labels, value: below })
    }
  }
  return values
}
