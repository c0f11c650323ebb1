/** The rounds with contestants that are small servers of this process. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { Contestant } from '../../bench/contestant.ts'
import { PushClient } from '../../bench/push-client.ts'
import { type RoundsResult, runScenes } from '../../bench/rounds.ts'
import { type Scale, type Scene, Unfit, type Workload } from '../../bench/scene.ts'

const SCALE: Scale = { isQuick: false, rounds: 3, seconds: 0, warmSeconds: 0, fillSeconds: 1, leavesOut: [] }

function contestant(id: string, status: () => number, log: string[] = []): Contestant {
  return {
    id,
    title: id,
    kind: 'registry',
    promises: { durable: 'no', isFlushing: false, authentication: 'off', configuration: 'none' },
    async start(folder) {
      log.push(`start ${id}`)
      const server = createServer((_request, response) => void response.writeHead(status()).end('answer'))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        folder,
        headers: {},
        pids: async () => [process.pid],
        startMs: 1,
        async stop() {
          log.push(`stop ${id}`)
          server.closeAllConnections()
          await new Promise((resolve) => server.close(resolve))
        },
      }
    },
  }
}

const workload: Workload<undefined> = {
  id: 'get',
  title: 'a GET',
  unit: 'requests/s',
  async measure(server) {
    const client = new PushClient(server)
    try {
      await client.get('/')
      return { value: 1, p99: 1 }
    } finally {
      client.close()
    }
  },
}

function scene(fill: Scene<undefined>['fill'], workloads: readonly Workload<undefined>[] = [workload]): Scene<unknown> {
  const made: Scene<undefined> = {
    id: 'scene',
    title: 'A scene',
    content: async () => undefined,
    fill,
    workloads: () => workloads,
  }
  return made as Scene<unknown>
}

async function run(scenes: Scene<unknown>[], contestants: Contestant[]): Promise<RoundsResult> {
  return runScenes(scenes, { scale: SCALE, contestants, say: () => undefined })
}

test('one runs at a time, and another one begins each round', async () => {
  const log: string[] = []
  const contestants = [contestant('a', () => 200, log), contestant('b', () => 200, log)]
  const { measured, failures } = await run([scene(async () => undefined)], contestants)
  expect(failures).toEqual([])
  expect(measured[0]!.samples).toEqual({
    a: Array.from({ length: 3 }, () => ({ value: 1, p99: 1 })),
    b: Array.from({ length: 3 }, () => ({ value: 1, p99: 1 })),
  })
  const order = ['a', 'b', 'a', 'b', 'b', 'a', 'a', 'b']
  expect(log).toEqual(order.flatMap((id) => [`start ${id}`, `stop ${id}`]))
})

test('an answer with another status is a failure of the run, and no figure', async () => {
  let asked = 0
  const failing = contestant('failing', () => {
    asked += 1
    return asked > 1 ? 503 : 200
  })
  const { failures, measured } = await run([scene(async () => undefined)], [failing, contestant('fine', () => 200)])
  expect(failures.length).toBeGreaterThan(0)
  expect(failures[0]).toMatchObject({ workload: 'get', contestant: 'failing' })
  expect(failures[0]!.message).toContain('answered 503 where 200 belongs')
  expect(measured[0]!.samples.fine).toHaveLength(3)
})

test('who cannot be filled in time, or does not keep what it acknowledged, is left out by name', async () => {
  const slow = scene(async (_server, _content, { signal }) => {
    while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 50))
    throw new Error('put 7 of 10 tags')
  })
  const unfit = scene(async () => {
    throw new Unfit('it lists 3 of 10 tags that it acknowledged')
  })
  const { absent, failures, measured } = await run([slow, unfit], [contestant('a', () => 200)])
  expect(absent.map(({ why }) => why)).toEqual([
    'not filled within 1 s: put 7 of 10 tags',
    'it lists 3 of 10 tags that it acknowledged',
  ])
  expect([failures, measured[0]!.samples]).toEqual([[], {}])
})

test('a filling that fails is a failure of the run', async () => {
  const broken = scene(async () => {
    throw new Error('PUT answered 500')
  })
  const { failures } = await run([broken], [contestant('a', () => 200)])
  expect(failures).toEqual([{ workload: 'filling scene', contestant: 'a', message: 'Error: PUT answered 500' }])
})

test('what says the same each time is measured once, and limits beside it in each round', async () => {
  const once = { ...workload, id: 'once', isOnce: true as const, isCold: true as const }
  const withLimit = {
    ...scene(async () => undefined, [workload, once]),
    limits: [{ id: 'speed', title: 'a speed', workloads: ['get'], speed: async () => ({ value: 7 }) }],
  }
  const { measured } = await run([withLimit], [contestant('a', () => 200)])
  expect(measured.map(({ samples }) => [samples.a?.length, samples.speed?.length])).toEqual([
    [3, 3],
    [1, undefined],
  ])
})
