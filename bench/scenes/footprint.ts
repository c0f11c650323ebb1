/** What a server costs while it does little: the time to its first answer, its memory, and the disk that it fills. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Running } from '../contestant.ts'
import { blobOf, manifestOf, withClients } from '../push-client.ts'
import type { Scale, Scene } from '../scene.ts'
import { memoryOf, resetPeak } from '../server-process.ts'
import { freshBlob } from './pushes.ts'

const MIB = 1024 * 1024
/** Images that differ in one small layer of three. */
const IMAGES = 20

interface Content {
  /** MiB of the one large push. */
  readonly large: number
}

export const footprint: Scene<Content> = {
  id: 'footprint',
  title: 'What it costs to have it running',
  content: async ({ isQuick }: Scale) => ({ large: isQuick ? 512 : 4096 }),
  fill: async () => undefined,
  workloads: ({ large }) => [
    {
      id: 'start',
      title: 'start to the first answer',
      unit: 'ms',
      isLessBetter: true,
      isCold: true,
      measure: async (server) => ({ value: server.startMs }),
    },
    {
      id: 'memory-idle',
      title: 'memory two seconds after the start',
      unit: 'MiB',
      isLessBetter: true,
      isCold: true,
      async measure(server) {
        await sleep(2_000)
        return { value: (await memory(server)).now / MIB }
      },
    },
    {
      id: 'memory-push',
      title: `growth of memory while ${large} MiB are pushed`,
      unit: 'MiB',
      isLessBetter: true,
      isCold: true,
      isOnce: true,
      isFullOnly: true,
      async measure(server) {
        for (const pid of await server.pids()) await resetPeak(pid)
        const before = await memory(server)
        const blob = freshBlob(large * MIB, 16 * MIB)
        await withClients(server, 1, (client) => client.pushBlob('bench/huge', blob))
        return { value: Math.max(0, (await memory(server)).peak - before.now) / MIB }
      },
    },
    {
      id: 'memory-after',
      title: 'memory five seconds after that',
      unit: 'MiB',
      isLessBetter: true,
      isCold: true,
      isOnce: true,
      isFullOnly: true,
      async measure(server) {
        await sleep(5_000)
        return { value: (await memory(server)).now / MIB }
      },
    },
    {
      id: 'disk',
      title: `disk filled by ${IMAGES} images with two layers in common (8 MiB) and one of their own (64 KiB)`,
      unit: 'MiB',
      isLessBetter: true,
      isCold: true,
      isOnce: true,
      isFullOnly: true,
      async measure(server) {
        const before = await bytesIn(server.folder)
        const config = blobOf(Buffer.from('{"os":"linux"}'))
        const common = [freshBlob(4 * MIB, MIB), freshBlob(4 * MIB, MIB)]
        await withClients(server, 1, async (client) => {
          for (let n = 0; n < IMAGES; n += 1) {
            const own = freshBlob(64 * 1024, 64 * 1024)
            // Into repositories of their own, as a client does that does not know of the others.
            for (const blob of [config, ...common, own]) await client.pushBlob(`bench/alike-${n}`, blob)
            await client.putManifest(`bench/alike-${n}`, 'v1', manifestOf({ config, layers: [...common, own] }))
          }
        })
        return { value: ((await bytesIn(server.folder)) - before) / MIB }
      },
    },
  ],
}

/** Of all its processes together. What they share is counted in each. */
async function memory(server: Running): Promise<{ now: number; peak: number }> {
  const all = await Promise.all((await server.pids()).map(memoryOf))
  const sum = (of: (one: { now: number; peak: number }) => number) =>
    all.reduce((total, one) => total + (one ? of(one) : 0), 0)
  return { now: sum(({ now }) => now), peak: sum(({ peak }) => peak) }
}

/** Bytes on disk below it; a file with two names counts once. */
async function bytesIn(folder: string): Promise<number> {
  const seen = new Set<number>()
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { ino, blocks } = await stat(join(entry.parentPath, entry.name)).catch(() => ({ ino: 0, blocks: 0 }))
    if (seen.has(ino)) continue
    seen.add(ino)
    bytes += blocks * 512
  }
  return bytes
}
