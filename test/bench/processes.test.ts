/** What the benchmark starts is gone when it is, in whatever way it ends: real processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { isRunning, processTree, startChild, stopChild } from '../../bench/processes.ts'

const BENCH = fileURLToPath(new URL('child-bench.ts', import.meta.url))

interface Bench {
  readonly process: ChildProcess
  readonly folder: string
  /** Of its child, and of that one's. */
  readonly pids: readonly number[]
  readonly ended: Promise<unknown[]>
}

let bench: ChildProcess | undefined
afterEach(() => bench?.kill('SIGKILL'))

async function start(what: 'waits' | 'fails' | 'ends'): Promise<Bench> {
  bench = spawn(process.execPath, [BENCH, what], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(bench, 'exit')
  const [line] = (await once(bench.stdout!, 'data')) as [Buffer]
  return { process: bench, ended, ...(JSON.parse(String(line)) as { folder: string; pids: number[] }) }
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'after a %s its child, the child of that and its folder are gone',
  async (signal) => {
    const { process, folder, pids, ended } = await start('waits')
    expect([pids.map(isRunning), existsSync(folder)]).toEqual([[true, true], true])
    process.kill(signal)
    expect(await ended).toEqual([{ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal], null])
    expect([pids.map(isRunning), existsSync(folder)]).toEqual([[false, false], false])
  },
)

test.each([
  ['fails', 1],
  ['ends', 0],
] as const)('when it %s nothing is left either', async (what, code) => {
  const { folder, pids, ended } = await start(what)
  expect(await ended).toEqual([code, null])
  expect([pids.map(isRunning), existsSync(folder)]).toEqual([[false, false], false])
})

test('one that is stopped has ended, with what it had started', async () => {
  const child = startChild('sh', ['-c', 'sleep 600 & wait'], { stdio: 'ignore' })
  await expect.poll(() => processTree(child.pid!), { timeout: 20_000 }).toHaveLength(2)
  const pids = await processTree(child.pid!)
  await stopChild(child)
  expect(pids.map(isRunning)).toEqual([false, false])
  await stopChild(child)
})
