/**
 * A few threads that hash large bodies beside the event loop. A lane is a running hash of some algorithms, bound to one
 * thread for its life; where there are cores for it, each algorithm of a body has a lane of its own. Threads start when
 * needed, end when idle, and keep the process alive only while somebody waits for them.
 */
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import type { Algorithm } from './digest.ts'
import { StorageError } from './errors.ts'
import { startThread } from './worker-thread.ts'

export type ToWorker =
  | { kind: 'open'; lane: number; algorithms: readonly Algorithm[] }
  | { kind: 'update'; lane: number; segment: SharedArrayBuffer; length: number }
  | { kind: 'finish'; lane: number }
  | { kind: 'drop'; lane: number }

export type FromWorker = { kind: 'taken'; lane: number } | { kind: 'hashes'; lane: number; hashes: Uint8Array[] }

export interface LaneListener {
  /** The oldest segment not yet answered has been hashed and may be reused. */
  taken(): void
  /** One hash for each algorithm of the lane, in their order. */
  hashed(hashes: readonly Uint8Array[]): void
  /** The thread is gone. Called at most once, and nothing after it. */
  failed(error: StorageError): void
}

export interface Lane {
  update(segment: SharedArrayBuffer, length: number): void
  /** Asks for the hashes; the lane ends with the answer. */
  finish(): void
  drop(): void
  /** Says that somebody waits for an answer: the process stays alive until it comes. */
  setAwaited(awaited: boolean): void
}

/**
 * More threads gain nothing: a body has at most three algorithms and disks are slower than three cores. One core is left
 * to the event loop and to what writes. A thread costs some 15 MiB.
 */
const MOST_THREADS = Math.max(1, Math.min(4, availableParallelism() - 1))
const IDLE_MS = 30_000

interface Thread {
  readonly worker: Worker
  readonly lanes: Map<number, LaneListener>
  readonly awaited: Set<number>
  idle?: NodeJS.Timeout
}

const threads = new Set<Thread>()
let lastLane = 0

/** The algorithms as so many lanes as there are threads for; the first ones stay apart longest. */
export function lanesFor(algorithms: readonly Algorithm[]): readonly (readonly Algorithm[])[] {
  if (algorithms.length <= MOST_THREADS) return algorithms.map((algorithm) => [algorithm])
  const apart = algorithms.slice(0, MOST_THREADS - 1).map((algorithm) => [algorithm])
  return [...apart, algorithms.slice(MOST_THREADS - 1)]
}

/** Opens a lane on the thread with the fewest, starting one while there may be more. */
export function openLane(algorithms: readonly Algorithm[], listener: LaneListener): Lane {
  const thread = leastBusy()
  const lane = ++lastLane
  clearTimeout(thread.idle)
  thread.lanes.set(lane, listener)
  const post = (message: ToWorker) => thread.worker.postMessage(message)
  post({ kind: 'open', lane, algorithms })
  return {
    update: (segment, length) => post({ kind: 'update', lane, segment, length }),
    finish: () => post({ kind: 'finish', lane }),
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
  return best && (best.lanes.size === 0 || threads.size >= MOST_THREADS) ? best : newThread()
}

function newThread(): Thread {
  const worker = startThread('hash-worker', import.meta.url, {
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 1 },
  })
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
    listener.hashed(message.hashes)
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
