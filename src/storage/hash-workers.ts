/**
 * A few threads that hash large bodies beside the event loop. A lane is one running hash of one algorithm, bound to one
 * thread for its life, so that the algorithms of one body run on different cores. Threads start when needed, end when
 * idle, and keep the process alive only while somebody waits for them.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Algorithm } from './digest.ts'
import { StorageError } from './errors.ts'

export type ToWorker =
  | { kind: 'update'; lane: number; algorithm: Algorithm; segment: SharedArrayBuffer; length: number }
  | { kind: 'finish'; lane: number; algorithm: Algorithm }
  | { kind: 'drop'; lane: number }

export type FromWorker = { kind: 'taken'; lane: number } | { kind: 'hash'; lane: number; hash: Uint8Array }

export interface LaneListener {
  /** The oldest segment not yet answered has been hashed and may be reused. */
  taken(): void
  hashed(hash: Uint8Array): void
  /** The thread is gone. Called at most once, and nothing after it. */
  failed(error: StorageError): void
}

export interface Lane {
  update(segment: SharedArrayBuffer, length: number): void
  /** Asks for the hash; the lane ends with the answer. */
  finish(): void
  drop(): void
  /** Says that somebody waits for an answer: the process stays alive until it comes. */
  setAwaited(awaited: boolean): void
}

/** More threads than this gain nothing: a body has at most three algorithms and disks are slower than four cores. */
const MOST_THREADS = 4
const IDLE_MS = 30_000
const WORKER_FILE = new URL(`./hash-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

interface Thread {
  readonly worker: Worker
  readonly lanes: Map<number, LaneListener>
  readonly awaited: Set<number>
  idle?: NodeJS.Timeout
}

const threads = new Set<Thread>()
let lastLane = 0

/** Opens a lane on the thread with the fewest, starting one while there may be more. */
export function openLane(algorithm: Algorithm, listener: LaneListener): Lane {
  const thread = leastBusy()
  const lane = ++lastLane
  clearTimeout(thread.idle)
  thread.lanes.set(lane, listener)
  const post = (message: ToWorker) => thread.worker.postMessage(message)
  return {
    update: (segment, length) => post({ kind: 'update', lane, algorithm, segment, length }),
    finish: () => post({ kind: 'finish', lane, algorithm }),
    drop() {
      if (thread.lanes.has(lane)) post({ kind: 'drop', lane })
      endLane(thread, lane)
    },
    setAwaited(awaited) {
      if (awaited && thread.lanes.has(lane)) thread.awaited.add(lane)
      else thread.awaited.delete(lane)
      keepAliveWhileAwaited(thread)
    },
  }
}

/**
 * Ends the hash threads that hash nothing. Those of another registry in this process go on and end when they are idle;
 * so whoever closes abandons its own hashes first.
 */
export async function closeHashWorkers(): Promise<void> {
  const idle = [...threads].filter((thread) => thread.lanes.size === 0)
  await Promise.all(idle.map(endThread))
}

function leastBusy(): Thread {
  let best: Thread | undefined
  for (const thread of threads) if (!best || thread.lanes.size < best.lanes.size) best = thread
  const most = Math.min(MOST_THREADS, availableParallelism())
  return best && (best.lanes.size === 0 || threads.size >= most) ? best : startThread()
}

function startThread(): Thread {
  // None of the parent's flags: a debugger port or a loader is of no use to this thread and can keep it from starting.
  const worker = new Worker(WORKER_FILE, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 32 } })
  const thread: Thread = { worker, lanes: new Map(), awaited: new Set() }
  threads.add(thread)
  worker.on('message', (message: FromWorker) => deliver(thread, message))
  worker.on('error', (error) => loseThread(thread, error))
  worker.on('exit', () => loseThread(thread, new Error('the hash thread ended')))
  // After the listeners: listening for messages refs the worker again.
  worker.unref()
  return thread
}

function deliver(thread: Thread, message: FromWorker): void {
  const listener = thread.lanes.get(message.lane)
  if (!listener) return
  if (message.kind === 'taken') listener.taken()
  else {
    endLane(thread, message.lane)
    listener.hashed(message.hash)
  }
}

function endLane(thread: Thread, lane: number): void {
  thread.lanes.delete(lane)
  thread.awaited.delete(lane)
  keepAliveWhileAwaited(thread)
  if (thread.lanes.size > 0 || !threads.has(thread)) return
  clearTimeout(thread.idle)
  thread.idle = setTimeout(() => void endThread(thread), IDLE_MS)
  thread.idle.unref()
}

async function endThread(thread: Thread): Promise<void> {
  threads.delete(thread)
  clearTimeout(thread.idle)
  await thread.worker.terminate()
}

function keepAliveWhileAwaited(thread: Thread): void {
  if (thread.awaited.size > 0) thread.worker.ref()
  else thread.worker.unref()
}

function loseThread(thread: Thread, cause: unknown): void {
  threads.delete(thread)
  clearTimeout(thread.idle)
  const listeners = [...thread.lanes.values()]
  thread.lanes.clear()
  thread.awaited.clear()
  for (const listener of listeners)
    listener.failed(new StorageError('unavailable', { operation: 'hash' }, { cause, retryable: true }))
}
