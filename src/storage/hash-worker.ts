/**
 * The thread side of `hash-workers.ts`: keeps one running hash for each lane, takes segments in order, answers each one.
 * Anything thrown here ends the thread, and with it every hash it had: a hash that missed bytes must not go on.
 */
import { parentPort } from 'node:worker_threads'
import type { FromWorker, ToWorker } from './hash-workers.ts'
import { createHasher, type Hasher } from './hashers.ts'

const lanes = new Map<number, Hasher>()

function answer(message: FromWorker): void {
  parentPort!.postMessage(message)
}

parentPort!.on('message', (message: ToWorker) => {
  if (message.kind === 'drop') {
    lanes.delete(message.lane)
    return
  }
  const hasher = lanes.get(message.lane) ?? createHasher(message.algorithm)
  if (message.kind === 'update') {
    lanes.set(message.lane, hasher)
    hasher.update(new Uint8Array(message.segment, 0, message.length))
    answer({ kind: 'taken', lane: message.lane })
  } else {
    lanes.delete(message.lane)
    answer({ kind: 'hash', lane: message.lane, hash: new Uint8Array(hasher.digest()) })
  }
})
