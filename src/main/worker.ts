/**
 * One of the processes that answer requests for a server that has several. It takes orders from the first process alone
 * and ends with it: that one holds the locks.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MetricsPart } from '../http/index.ts'
import type { Application, Composition } from './composition.ts'
import { openLogger } from './logger.ts'
import type { FromWorker, ToWorker } from './worker-messages.ts'

/** Longer than any turn of an event loop that works. */
const COUNT_MS = 5_000

/** Resolves when the first process has said so and every running request was answered. */
export async function serveAsWorker(composition: Composition): Promise<void> {
  // Ctrl-C in a terminal comes to every process of the server. The first one decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  process.on('disconnect', () => process.exit(1))
  const start = Promise.withResolvers<Extract<ToWorker, { kind: 'start' }>>()
  const drain = Promise.withResolvers<void>()
  const counts = createCounts()
  let application: Application | undefined
  process.on('message', (order: ToWorker) => {
    switch (order.kind) {
      case 'start':
        start.resolve(order)
        break
      case 'sweep':
        void application?.sweep()
        break
      case 'measure':
        void application?.measure().then((part) => tell({ kind: 'measured', count: order.count, part }))
        break
      case 'counted':
        counts.answer(order.id, order.parts)
        break
      case 'drain':
        drain.resolve()
    }
  })
  tell({ kind: 'here' })
  const { config, isFirst } = await start.promise
  const logger = openLogger(config.log.level, { isOneOfMany: true })
  application = await composition.openApplication(config, { logger, membership: { isFirst, measureAll: counts.ask } })
  try {
    tell({ kind: 'listening', ...(await application.listen()) })
    await drain.promise
    await application.drain()
  } finally {
    await application.dispose()
  }
}

/** A first process that is gone hears nothing, and its end is this one's. */
function tell(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => undefined)
}

type Parts = readonly MetricsPart[]

function createCounts() {
  const waiting = new Map<number, (parts: Parts) => void>()
  let last = 0
  return {
    answer: (id: number, parts: Parts): void => waiting.get(id)?.(parts),
    async ask(): Promise<Parts | undefined> {
      const id = ++last
      const answered = new Promise<Parts>((resolve) => waiting.set(id, resolve))
      tell({ kind: 'count', id })
      const late = new AbortController()
      try {
        return await Promise.race([answered, sleep(COUNT_MS, undefined, { signal: late.signal })])
      } finally {
        late.abort()
        waiting.delete(id)
      }
    },
  }
}
