/** Starts `bare-server.ts` beside the load generator, so that the bare server has processes of its own as ours has. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { processTree, startChild, stopChild } from './processes.ts'

const COMMAND = new URL('./bare-server.ts', import.meta.url).pathname

export interface BareProcess {
  readonly url: string
  /** All processes that it runs as, the first one first. */
  readonly pids: () => Promise<readonly number[]>
  stop(): Promise<void>
}

/**
 * `bytes` with their number and their headers as JSON, answered from memory; `file` with its path and its size. `workers`
 * processes of node:cluster answer when there are several.
 */
export async function startBare(
  kind: 'bytes' | 'file',
  what: string,
  detail: string,
  { workers = 1 }: { workers?: number } = {},
): Promise<BareProcess> {
  const child = startChild(process.execPath, [COMMAND, kind, what, detail, String(workers)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.ref()
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  child.unref()
  for (const pipe of [child.stdin, child.stdout] as Socket[]) pipe.unref()
  return { url: line.toString().trim(), pids: () => processTree(child.pid!), stop: () => stopChild(child) }
}
