/** Start to the first answered request, and memory while nothing happens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, median, spread } from '../report.ts'
import { memoryOf, startServer } from '../server-process.ts'

export async function idle(): Promise<Figure[]> {
  const starts: number[] = []
  const memory: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const server = await startServer()
    starts.push(server.startMs)
    await sleep(2_000)
    memory.push(((await memoryOf(server.pid))?.now ?? Number.NaN) / (1024 * 1024))
    await server.stop()
  }
  return [
    {
      name: 'start to first answered request',
      value: median(starts),
      unit: 'ms',
      spread: spread(starts),
      atMost: 1_000,
    },
    { name: 'memory idle', value: median(memory), unit: 'MiB', spread: spread(memory), atMost: 100 },
  ]
}
