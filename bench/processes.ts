/**
 * What the benchmark starts and lays down: its processes and its temporary folders, each known here, so that none of them
 * outlives it, whether it comes to its end, fails or is stopped with Ctrl-C. Only a SIGKILL leaves them behind.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server drains and a database closes; what has not ended after that is killed. */
const GRACE_MS = 10_000
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** With the signal that asks each to end. */
const children = new Map<ChildProcess, NodeJS.Signals>()
const folders = new Set<string>()

export interface ChildOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'stdio' | 'uid' | 'gid'> {
  /** Asks it to end; SIGTERM when absent. */
  readonly endSignal?: NodeJS.Signals
}

/**
 * Starts it in a process group of its own, so that Ctrl-C does not reach it before its turn and its own children end with it.
 * It does not keep the benchmark alive.
 */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): ChildProcess {
  const { endSignal = 'SIGTERM', ...spawning } = options
  watchForTheEnd()
  const child = spawn(command, args, { ...spawning, detached: true })
  children.set(child, endSignal)
  child.unref()
  child.once('exit', () => forget(child))
  child.once('error', () => forget(child))
  return child
}

/** Resolves when it has ended, with whatever it had started itself. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (!children.has(child)) return
  child.ref()
  const exited = once(child, 'exit')
  const tree = treeOf(child.pid!)
  child.kill(children.get(child))
  const late = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS)
  await exited
  clearTimeout(late)
  while (tree.some(isRunning)) await sleep(5)
}

export interface Ended {
  /** -1 where a signal ended it or it did not start. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end, whatever its exit code. */
export async function runChild(
  command: string,
  args: readonly string[],
  options: Pick<ChildOptions, 'cwd' | 'env'> = {},
): Promise<Ended> {
  const child = startChild(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  child.ref()
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code: code ?? -1, ...said }
  } catch (error) {
    return { code: -1, ...said, stderr: String(error) }
  }
}

/** Below `BENCH_FOLDER`, which chooses the disk that is measured. */
export async function temporaryFolder(
  prefix = 'artifactstore-bench-',
  below = process.env.BENCH_FOLDER ?? tmpdir(),
): Promise<string> {
  watchForTheEnd()
  const folder = await mkdtemp(join(below, prefix))
  folders.add(folder)
  return folder
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  folders.delete(folder)
}

/** Its pid and those of all that descend from it, the first one first. Linux only; itself alone elsewhere. */
export async function processTree(pid: number): Promise<number[]> {
  return treeOf(pid)
}

function treeOf(pid: number): number[] {
  const own = namesOf(() => readdirSync(`/proc/${pid}/task`)).flatMap((thread) =>
    namesOf(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean)),
  )
  return [pid, ...own.flatMap((child) => treeOf(Number(child)))]
}

/** None of a process or a thread that has ended meanwhile. */
function namesOf(read: () => string[]): string[] {
  try {
    return read()
  } catch {
    return []
  }
}

let isWatching = false

function watchForTheEnd(): void {
  if (isWatching) return
  isWatching = true
  for (const signal of ENDINGS) {
    // Stays in place, so that a second Ctrl-C does not end the benchmark before what it started.
    process.on(signal, () => process.exit(128 + constants.signals[signal]))
  }
  process.once('exit', endAll)
}

/** In one go, because nothing asynchronous happens any more once the process exits. */
function endAll(): void {
  const living = [...children.keys()].filter(({ pid }) => pid !== undefined)
  const pids = living.flatMap(({ pid }) => treeOf(pid!))
  for (const child of living) child.kill(children.get(child))
  waitFor(
    living.map(({ pid }) => pid!),
    GRACE_MS,
  )
  for (const child of living) signalGroup(child, 'SIGKILL')
  waitFor(pids, GRACE_MS)
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

function waitFor(pids: readonly number[], ms: number): void {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  const until = Date.now() + ms
  while (Date.now() < until && pids.some(isRunning)) Atomics.wait(clock, 0, 0, 20)
}

/** A process that has ended and that nobody has waited for is still there, as a zombie. Where there is no /proc: false. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !['Z', 'X'].includes(stat.charAt(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

function forget(child: ChildProcess): void {
  children.delete(child)
  // What it started and left behind goes with it.
  signalGroup(child, 'SIGKILL')
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left in it.
  }
}
