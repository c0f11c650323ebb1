import { AggregatorRegistry, Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { requestDurations } from '../../src/http/request-durations.ts'

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300]
const REQUESTS = [
  { route: '/v2/*name/manifests/:reference', method: 'GET', status: 200, milliseconds: 0.4 },
  { route: '/v2/*name/manifests/:reference', method: 'GET', status: 200, milliseconds: 1 },
  { route: '/v2/*name/manifests/:reference', method: 'GET', status: 404, milliseconds: 3 },
  { route: '/v2/*name/manifests/:reference', method: 'HEAD', status: 200, milliseconds: 2.5 },
  { route: '/v2/"quoted"\\', method: 'DELETE', status: 202, milliseconds: 499.999 },
  { route: '/packages', method: 'POST', status: 201, milliseconds: 400_000 },
]

test('what is exposed is what the histogram of prom-client exposes', async () => {
  const [own, other] = [new Registry(), new Registry()]
  const durations = requestDurations(own)
  const histogram = new Histogram({
    name: 'artifactstore_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS,
    registers: [other],
  })
  for (const request of REQUESTS) {
    durations.observe(request)
    const { route, method, status, milliseconds } = request
    histogram.observe({ route, method, status }, milliseconds / 1_000)
  }
  expect(linesOf(await own.metrics())).toEqual(linesOf(await other.metrics()))
  const sum = async (registry: Registry) =>
    linesOf(
      await AggregatorRegistry.aggregate([
        await registry.getMetricsAsJSON(),
        await registry.getMetricsAsJSON(),
      ]).metrics(),
    )
  expect(await sum(own)).toEqual(await sum(other))
})

test('methods that clients invent are one series', async () => {
  const registry = new Registry()
  const durations = requestDurations(registry)
  for (const method of ['BREW', 'PROPFIND', 'get']) {
    durations.observe({ route: 'unknown', method, status: 404, milliseconds: 1 })
  }
  const text = await registry.metrics()
  expect(text).toContain('seconds_count{route="unknown",method="OTHER",status="404"} 3')
  expect(text).not.toMatch(/BREW|PROPFIND|get/)
})

/** Labels of a line in the order of their names. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line.replace(
        /\{(.*)\}/,
        (_, labels: string) =>
          `{${labels
            .split(/,(?=\w+=)/)
            .sort()
            .join(',')}}`,
      ),
    )
    .sort()
}
