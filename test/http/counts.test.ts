import { AggregatorRegistry, Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { type Counted, createCount, createTally } from '../../src/http/counts.ts'
import { createRequestDurations } from '../../src/http/request-durations.ts'

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300]
const REQUESTS = [
  { route: '/v2/*name/manifests/:reference', method: 'GET', status: 200, milliseconds: 0.4 },
  { route: '/v2/*name/manifests/:reference', method: 'GET', status: 200, milliseconds: 1 },
  { route: '/v2/*name/manifests/:reference', method: 'GET', status: 404, milliseconds: 3 },
  { route: '/v2/*name/manifests/:reference', method: 'HEAD', status: 200, milliseconds: 2.5 },
  { route: '/v2/"quoted"\\', method: 'DELETE', status: 202, milliseconds: 499.999 },
  { route: '/packages', method: 'POST', status: 201, milliseconds: 400_000 },
]

const HELP = 'From the head of a request to the end of its answer.'

test('durations are exposed as the histogram of prom-client exposes them', async () => {
  const durations = createRequestDurations()
  const other = new Registry()
  const histogram = new Histogram({
    name: 'artifactstore_http_request_duration_seconds',
    help: HELP,
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS,
    registers: [other],
  })
  for (const request of REQUESTS) {
    durations.observe(request)
    const { route, method, status, milliseconds } = request
    histogram.observe({ route, method, status }, milliseconds / 1_000)
  }
  await expectAlike(registryOf(durations.counted), other)
})

test('counts are exposed as the counters and gauges of prom-client expose them', async () => {
  const now = createCount({ name: 'now', help: 'Now.', type: 'gauge' })
  const never = createCount({ name: 'never_total', help: 'Never.', type: 'counter' })
  const odd = createTally({ name: 'odd_total', help: 'Odd.', label: 'what' })
  const none = createTally({ name: 'none_total', help: 'None.', label: 'what' })
  now.add(3)
  now.add(-2)
  for (const what of ['lost', 'dam"aged', 'lost']) odd.add(what)
  const other = new Registry()
  const registers = [other]
  new Gauge({ name: 'now', help: 'Now.', registers }).inc(1)
  new Counter({ name: 'never_total', help: 'Never.', registers })
  const counter = new Counter({ name: 'odd_total', help: 'Odd.', labelNames: ['what'], registers })
  for (const what of ['lost', 'dam"aged', 'lost']) counter.inc({ what })
  new Counter({ name: 'none_total', help: 'None.', labelNames: ['what'], registers })
  await expectAlike(registryOf(now.counted, never.counted, odd.counted, none.counted), other)
})

test('methods that clients invent are one series', async () => {
  const durations = createRequestDurations()
  for (const method of ['BREW', 'PROPFIND', 'get']) {
    durations.observe({ route: 'unknown', method, status: 404, milliseconds: 1 })
  }
  const text = await registryOf(durations.counted).metrics()
  expect(text).toContain('seconds_count{route="unknown",method="OTHER",status="404"} 3')
  expect(text).not.toMatch(/BREW|PROPFIND|get/)
})

function registryOf(...counts: readonly Counted[]): Registry {
  const registry = new Registry()
  for (const count of counts) registry.registerMetric(count as unknown as Metric)
  return registry
}

/** For one process, and as the sum of two. */
async function expectAlike(own: Registry, other: Registry): Promise<void> {
  expect(linesOf(await own.metrics())).toEqual(linesOf(await other.metrics()))
  const sum = async (registry: Registry) =>
    linesOf(
      await AggregatorRegistry.aggregate([
        await registry.getMetricsAsJSON(),
        await registry.getMetricsAsJSON(),
      ]).metrics(),
    )
  expect(await sum(own)).toEqual(await sum(other))
}

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
