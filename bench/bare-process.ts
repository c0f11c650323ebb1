/** Starts `bare-server.ts` beside the load generator, so that the bare server has a process of its own as ours has. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export async function startBare(...args: readonly string[]): Promise<{ url: string; stop(): void }> {
  const child = spawn(process.execPath, [new URL('./bare-server.ts', import.meta.url).pathname, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: line.toString().trim(), stop: () => void child.kill() }
}
