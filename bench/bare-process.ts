/** Starts `bare-server.ts` beside the load generator, so that the bare server has processes of its own as ours has. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { dirname } from 'node:path'
import type { Running } from './contestant.ts'
import { processTree, startChild, stopChild } from './processes.ts'

const COMMAND = new URL('./bare-server.ts', import.meta.url).pathname

/**
 * Answers every path with the bytes of `file`: `bytes` from memory with these headers, `file` by piping it, `loop` by reading
 * it. `workers` processes of node:cluster answer when there are several.
 */
export async function startBare(
  kind: 'bytes' | 'file' | 'loop',
  file: string,
  {
    headers = {},
    size = 0,
    workers = 1,
  }: { headers?: Readonly<Record<string, string>>; size?: number; workers?: number },
): Promise<Running> {
  const detail = kind === 'bytes' ? JSON.stringify(headers) : String(size)
  const child = startChild(process.execPath, [COMMAND, kind, file, detail, String(workers)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.ref()
  // Its output ends where it ends without a line.
  const line = await Promise.race([once(child.stdout!, 'data'), once(child.stdout!, 'end')])
  if (line.length === 0) throw new Error(`bare-server.ts ${kind} ${file} did not start`)
  child.unref()
  for (const pipe of [child.stdin, child.stdout] as Socket[]) pipe.unref()
  return {
    url: String(line[0]).trim(),
    folder: dirname(file),
    headers: {},
    pids: () => processTree(child.pid!),
    startMs: 0,
    stop: () => stopChild(child),
  }
}
