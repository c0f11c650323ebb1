/**
 * What the process tells Prometheus: durations by route, method and status, requests in flight, and prom-client's
 * default metrics (memory, descriptors, event-loop delay, garbage collection). The registry is injected: no globals.
 * A server of several processes answers with the sum, whichever of them is asked.
 */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
import { EVERYTHING } from './authenticate.ts'
import type { Endpoint } from './endpoint.ts'
import { requestDurations } from './request-durations.ts'
import type { RequestFacts, RequestObserver } from './surface.ts'

export function requestMetrics(registry: Registry): RequestObserver {
  const inFlight = new Gauge({
    name: 'artifactstore_http_requests_in_flight',
    help: 'Requests being answered now.',
    registers: [registry],
  })
  const durations = requestDurations(registry)
  const sent = new Counter({
    name: 'artifactstore_http_response_bytes_total',
    help: 'Bytes of answer bodies.',
    registers: [registry],
  })
  return {
    started: () => inFlight.inc(),
    finished(facts: RequestFacts): void {
      inFlight.dec()
      if (facts.bytes > 0) sent.inc(facts.bytes)
      durations.observe(facts)
    },
  }
}

export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
}

/** What one process has counted, as it travels to another. */
export type MetricsPart = readonly object[]

export interface MetricsSource {
  readonly contentType: string
  /** Undefined when not all that belongs to it can be had now: less would look like a restart. */
  metrics(): Promise<string | undefined>
}

/** Counts are added; what cannot be, such as the delay of an event loop, is averaged or left out. */
export function sumOfMetrics(measureAll: () => Promise<readonly MetricsPart[] | undefined>): MetricsSource {
  return {
    contentType: AggregatorRegistry.PROMETHEUS_CONTENT_TYPE,
    async metrics() {
      const parts = await measureAll()
      return parts && AggregatorRegistry.aggregate([...parts]).metrics()
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
      return { status: 200, headers: { 'Content-Type': source.contentType, 'Cache-Control': 'no-store' }, body }
    },
  }
}
