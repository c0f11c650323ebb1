/**
 * The thread side of `hash-workers.ts`: keeps the running hashes of each lane, takes segments in order, answers each one.
 * Anything thrown here ends the thread, and with it every hash it had: a hash that missed bytes must not go on.
 */
import { parentPort } from 'node:worker_threads'
import type { FromWorker, ToWorker } from './hash-workers.ts'
import { createHasher, type Hasher } from './hashers.ts'

const lanes = new Map<number, readonly Hasher[]>()

function answer(message: FromWorker): void {
  parentPort!.postMessage(message)
}

parentPort!.on('message', (message: ToWorker) => {
  if (message.kind === 'open') {
    lanes.set(message.lane, message.algorithms.map(createHasher))
  } else if (message.kind === 'drop') {
    lanes.delete(message.lane)
  } else if (message.kind === 'update') {
    const bytes = new Uint8Array(message.segment, 0, message.length)
    for (const hasher of lanes.get(message.lane)!) hasher.update(bytes)
    answer({ kind: 'taken', lane: message.lane })
  } else {
    const hashes = lanes.get(message.lane)!.map((hasher) => new Uint8Array(hasher.digest()))
    lanes.delete(message.lane)
    answer({ kind: 'hashes', lane: message.lane, hashes })
  }
})
