/** The product as a contestant: this checkout, as `npm start` starts it, with SQLite. */
import { VERSION } from '../src/version.ts'
import type { Contestant } from './contestant.ts'
import { AUTHORIZATION, startServer } from './server-process.ts'

/** As one process, or as several that share a port and a database. */
export function ours({ workers, nodeFlags = [] }: { workers: number; nodeFlags?: readonly string[] }): Contestant {
  const isOne = workers === 1
  return {
    id: isOne ? 'ours' : 'ours-workers',
    title: isOne ? `artifact-store ${VERSION}` : `artifact-store ${VERSION}, ${workers} workers`,
    kind: 'ours',
    promises: {
      durable: 'yes',
      isFlushing: true,
      authentication: 'on, a static token',
      configuration: isOne ? 'its defaults' : `its defaults, ${workers} workers`,
    },
    async start(folder) {
      const env: Record<string, string> = isOne ? {} : { ARTIFACTSTORE_WORKERS: String(workers) }
      const { url, pids, startMs, stop } = await startServer({ folder, env, nodeFlags })
      const processes = (await pids()).length
      if (process.platform === 'linux' && processes < workers) {
        await stop()
        throw new Error(`It runs as ${processes} process, not with ${workers} workers: its figures would be another's.`)
      }
      return { url, folder, headers: AUTHORIZATION, pids, startMs, stop }
    },
  }
}
