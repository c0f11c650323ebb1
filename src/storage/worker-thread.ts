/** Starts a thread from a file beside the caller: `.ts` in a checkout, `.js` in a published package. */
import { getCompileCacheDir } from 'node:module'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/** `name` has no extension; `caller` is the `import.meta.url` of the file it lies beside. */
export function startThread(name: string, caller: string, options: WorkerOptions = {}): Worker {
  const extension = caller.endsWith('.ts') ? '.ts' : '.js'
  const cache = getCompileCacheDir()
  return new Worker(new URL(`./${name}${extension}`, caller), {
    // None of the parent's flags: a debugger port or a loader is of no use to a thread and can keep it from starting.
    execArgv: [],
    // Threads do not inherit the parent's cache of compiled code; without it each strips types again, for 16 MiB.
    env: cache ? { NODE_COMPILE_CACHE: cache } : {},
    ...options,
  })
}
