/** Work of several clients for some seconds, counted. */
import type { Running } from './contestant.ts'
import { percentile } from './figures.ts'
import { type PushClient, withClients } from './push-client.ts'
import type { Sample } from './scene.ts'

/** Work done a second, and the 99th percentile of one in milliseconds. Each client does it at least once. */
export async function repeated(
  server: Running,
  { clients, seconds }: { clients: number; seconds: number },
  work: (client: PushClient, turn: { lane: number; n: number }) => Promise<unknown>,
): Promise<Sample> {
  const started = performance.now()
  const until = started + seconds * 1_000
  const times: number[] = []
  await withClients(server, clients, async (client, lane) => {
    let n = 0
    do {
      const before = performance.now()
      await work(client, { lane, n })
      times.push(performance.now() - before)
      n += 1
    } while (performance.now() < until)
  })
  return { value: times.length / ((performance.now() - started) / 1_000), p99: percentile(times, 0.99) }
}
