/**
 * What the process tells Prometheus: durations by route, method and status, requests in flight, and prom-client's
 * default metrics (memory, descriptors, event-loop delay, garbage collection). The registry is injected: no globals.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client'
import { EVERYTHING } from './authenticate.ts'
import type { Endpoint } from './endpoint.ts'
import type { RequestFacts, RequestObserver } from './surface.ts'

/** Seconds. From a manifest out of memory to a blob of many gigabytes. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300]

export function requestMetrics(registry: Registry): RequestObserver {
  const inFlight = new Gauge({
    name: 'artifactstore_http_requests_in_flight',
    help: 'Requests being answered now.',
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'artifactstore_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  })
  const sent = new Counter({
    name: 'artifactstore_http_response_bytes_total',
    help: 'Bytes of answer bodies.',
    registers: [registry],
  })
  return {
    started: () => inFlight.inc(),
    finished({ route, method, status, milliseconds, bytes }: RequestFacts): void {
      inFlight.dec()
      if (bytes > 0) sent.inc(bytes)
      durations.observe({ route, method: knownMethod(method), status }, milliseconds / 1000)
    },
  }
}

export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
}

/** `GET /metrics`. Not open: routes and counts tell what the store is used for. */
export function metricsEndpoint(registry: Registry): Endpoint {
  return {
    method: 'get',
    path: '/metrics',
    access: () => [{ anyOf: ['audit'], on: EVERYTHING }],
    handle: async () => ({
      status: 200,
      headers: { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' },
      body: await registry.metrics(),
    }),
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** A client may invent methods; each would be a time series. */
function knownMethod(method: string): string {
  return METHODS.has(method) ? method : 'OTHER'
}
