/** The product as a contestant: this checkout, as `npm start` starts it, with SQLite. */
import { join } from 'node:path'
import { VERSION } from '../src/version.ts'
import type { Contestant } from './contestant.ts'
import { startNginxBefore } from './peers/nginx.ts'
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

const HANDED_OVER = { ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1', ARTIFACTSTORE_FILE_HANDOVER: 'x-accel-redirect' }

/** Behind nginx, which sends the stored files that the server hands over. */
export function oursBehindNginx(): Contestant {
  const { promises } = ours({ workers: 1 })
  return {
    id: 'ours-nginx',
    title: `artifact-store ${VERSION} behind nginx`,
    kind: 'ours',
    promises: { ...promises, configuration: 'behind nginx, X-Accel-Redirect' },
    scenes: ['content'],
    async start(folder) {
      const server = await startServer({ folder, env: HANDED_OVER })
      const nginx = await startNginxBefore(server.url, join(folder, 'var', 'storage'))
      return {
        ...nginx,
        folder,
        headers: AUTHORIZATION,
        pids: async () => [...(await server.pids()), ...(await nginx.pids())],
        startMs: server.startMs,
        async stop() {
          await nginx.stop()
          await server.stop()
        },
      }
    },
  }
}
