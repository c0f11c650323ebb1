/** A server of this checkout as a child process in a folder of its own, and what can be read of it from outside. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { untilAnswered } from './answered.ts'
import { processTree, removeFolder, startChild, stopChild, temporaryFolder } from './processes.ts'

export const TOKEN = 'bench-token'
const COMMAND = new URL('../bin/artifactstore.js', import.meta.url).pathname

/** As `npm start` starts it. */
const NODE_FLAGS = ['--max-semi-space-size=2']

export interface ServerProcess {
  readonly url: string
  readonly folder: string
  readonly pid: number
  /** All processes that it runs as, `pid` first. */
  readonly pids: () => Promise<readonly number[]>
  /** Milliseconds from spawning to the first answered request. */
  readonly startMs: number
  stop(): Promise<void>
}

export const AUTHORIZATION = { Authorization: `Bearer ${TOKEN}` }

/** `env`: settings beside those that every workload has. */
export async function startServer(
  options: { folder?: string; env?: Readonly<Record<string, string>>; nodeFlags?: readonly string[] } = {},
): Promise<ServerProcess> {
  const { folder, env = {}, nodeFlags = [] } = options
  const own = folder ?? (await temporaryFolder())
  const port = await freePort()
  const started = performance.now()
  const child = startChild(process.execPath, [...NODE_FLAGS, ...nodeFlags, COMMAND, 'serve'], {
    cwd: own,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ARTIFACTSTORE_PORT: String(port),
      ARTIFACTSTORE_AUTH_TOKENS: `bench:${TOKEN}`,
      ARTIFACTSTORE_LOG_LEVEL: 'ERROR',
      ...env,
    },
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswered(`${url}/v2/`, child, { headers: AUTHORIZATION })
  const startMs = performance.now() - started
  const pid = child.pid!
  return {
    url,
    folder: own,
    pid,
    pids: () => processTree(pid),
    startMs,
    async stop() {
      await stopChild(child)
      if (!folder) await removeFolder(own)
    },
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Bytes of resident memory now, and the highest since `resetPeak`. Linux only; undefined elsewhere. */
export async function memoryOf(pid: number): Promise<{ now: number; peak: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
  if (!status) return undefined
  const kib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
  return { now: kib('VmRSS'), peak: kib('VmHWM') }
}

/** Seconds of processor time that the process has had, all threads. Linux only; NaN elsewhere. */
export async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name before the last ')' may hold spaces; user and system time stand 12 and 13 fields after it, in hundredths.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined)
}

/** The server's longest event-loop delay in milliseconds since the last call. */
export async function loopDelay(server: ServerProcess): Promise<number> {
  const answer = await fetch(`${server.url}/metrics`, { headers: AUTHORIZATION })
  const text = await answer.text()
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1] ?? Number.NaN) * 1_000
}
