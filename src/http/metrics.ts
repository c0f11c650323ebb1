/**
 * What the process tells Prometheus: durations by route, method and status, requests in flight, and prom-client's
 * default metrics (memory, descriptors, event-loop delay, garbage collection). No globals.
 * A server of several processes answers with the sum, whichever of them is asked.
 */
import type { Metric, Registry } from 'prom-client'
import { EVERYTHING } from './authenticate.ts'
import { type Counted, createCount } from './counts.ts'
import type { Endpoint } from './endpoint.ts'
import { createRequestDurations } from './request-durations.ts'
import type { RequestFacts, RequestObserver } from './surface.ts'

/**
 * Loaded when somebody asks for the first time: 65 ms and 6 MiB that a server without Prometheus never needs. Our own
 * counts are complete by then; event-loop delay and garbage collection are measured from there on.
 */
const promClient = () => import('prom-client')

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What one process has counted, as it travels to another. */
export type MetricsPart = readonly object[]

export interface MetricsSource {
  /** Undefined when not all that belongs to it can be had now: less would look like a restart. */
  metrics(): Promise<string | undefined>
}

export interface Metrics extends MetricsSource {
  /** Counts the requests of all surfaces. */
  readonly requests: RequestObserver
  measure(): Promise<MetricsPart>
}

/** `counts`: told beside those of requests and process. */
export function createMetrics(counts: readonly Counted[] = []): Metrics {
  const { observer, counted } = requestCounts()
  let registry: Promise<Registry> | undefined
  const opened = (): Promise<Registry> => {
    registry ??= openRegistry([...counts, ...counted])
    return registry
  }
  return {
    requests: observer,
    metrics: async () => (await opened()).metrics(),
    measure: async () => (await opened()).getMetricsAsJSON(),
  }
}

async function openRegistry(counts: readonly Counted[]): Promise<Registry> {
  const { collectDefaultMetrics, Registry: MetricsRegistry } = await promClient()
  const registry = new MetricsRegistry()
  // Of a registered metric it uses what `Counted` has; its type wants the whole class.
  for (const count of counts) registry.registerMetric(count as unknown as Metric)
  collectDefaultMetrics({ register: registry })
  return registry
}

function requestCounts(): { observer: RequestObserver; counted: readonly Counted[] } {
  const inFlight = createCount({
    name: 'artifactstore_http_requests_in_flight',
    help: 'Requests being answered now.',
    type: 'gauge',
  })
  const sent = createCount({
    name: 'artifactstore_http_response_bytes_total',
    help: 'Bytes of answer bodies.',
    type: 'counter',
  })
  const durations = createRequestDurations()
  return {
    counted: [inFlight.counted, durations.counted, sent.counted],
    observer: {
      started: () => inFlight.add(1),
      finished(facts: RequestFacts): void {
        inFlight.add(-1)
        sent.add(facts.bytes)
        durations.observe(facts)
      },
    },
  }
}

/** Counts are added; what cannot be, such as the delay of an event loop, is averaged or left out. */
export function sumOfMetrics(measureAll: () => Promise<readonly MetricsPart[] | undefined>): MetricsSource {
  return {
    async metrics() {
      const parts = await measureAll()
      if (!parts) return undefined
      const { AggregatorRegistry } = await promClient()
      return AggregatorRegistry.aggregate([...parts]).metrics()
    },
  }
}

/** `GET /metrics`. Not open: routes and counts tell what the store is used for. */
export function metricsEndpoint(source: MetricsSource): Endpoint {
  return {
    method: 'get',
    path: '/metrics',
    access: () => [{ anyOf: ['audit'], on: EVERYTHING }],
    async handle() {
      const body = await source.metrics()
      if (body === undefined) return { status: 503, headers: { 'Cache-Control': 'no-store', 'Retry-After': 5 } }
      return { status: 200, headers: { 'Content-Type': CONTENT_TYPE, 'Cache-Control': 'no-store' }, body }
    },
  }
}
