/**
 * What the process tells Prometheus: durations by route, method and status, requests in flight, and prom-client's
 * default metrics (memory, descriptors, event-loop delay, garbage collection). The registry is injected: no globals.
 */
import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
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
