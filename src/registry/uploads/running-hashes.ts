/**
 * Hashes of uploads that arrive in several requests, kept by the process that hashed the first of them. Only a
 * shortcut: where it has none, completion reads the bytes again (ADR 0006).
 */
import type { MultiHash } from '../../storage/index.ts'

export interface Running {
  readonly hash: MultiHash
  readonly sha512: boolean
  readonly size: number
}

const KEPT = 64

export interface RunningHashes {
  /** The hash of exactly the first `size` bytes, taken out; undefined when this process has none. */
  take(id: string, size: number, sha512: boolean): MultiHash | undefined
  keep(id: string, running: Running): void
  drop(id: string): void
  clear(): void
}

export function createRunningHashes(): RunningHashes {
  const kept = new Map<string, Running>()
  const drop = (id: string): void => {
    kept.get(id)?.hash.abandon()
    kept.delete(id)
  }
  return {
    take(id, size, sha512) {
      const running = kept.get(id)
      if (!running) return undefined
      if (running.size !== size || (sha512 && !running.sha512)) {
        drop(id)
        return undefined
      }
      kept.delete(id)
      return running.hash
    },
    keep(id, running) {
      drop(id)
      kept.set(id, running)
      if (kept.size > KEPT) drop(kept.keys().next().value!)
    },
    drop,
    clear() {
      for (const id of [...kept.keys()]) drop(id)
    },
  }
}
