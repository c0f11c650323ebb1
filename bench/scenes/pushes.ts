/** What is written: blobs of three sizes, a blob in chunks, and small artifacts from several clients at once. */
import { randomFillSync } from 'node:crypto'
import { diskSpeed, sha256Speed } from '../limits.ts'
import { type Blob, blobOf, manifestOf, type PushClient } from '../push-client.ts'
import { repeated } from '../repeat.ts'
import type { Sample, Scale, Scene, Workload } from '../scene.ts'

const KIB = 1024
const MIB = 1024 * KIB

interface Content {
  readonly large: number
  readonly chunks: number
}

export const pushes: Scene<Content> = {
  id: 'pushes',
  title: 'Pushing',
  content: async ({ isQuick }: Scale) => ({ large: isQuick ? 64 * MIB : 256 * MIB, chunks: isQuick ? 2 : 8 }),
  fill: async () => undefined,
  workloads: ({ large, chunks }) => [
    blobs('blob-push-1k', 'blob push 1 KiB, 8 clients', { clients: 8, size: KIB }),
    blobs('blob-push-1m', 'blob push 1 MiB, 8 clients', { clients: 8, size: MIB }),
    oneBlob('blob-push-256m', `blob push ${large / MIB} MiB`, {
      make: () => freshBlob(large, MIB),
      push: (client, blob) => client.pushBlob('bench/large', blob),
    }),
    oneBlob('blob-push-chunked', `blob push in ${chunks} chunks of 8 MiB`, {
      make: () => freshBlob(chunks * 8 * MIB, 8 * MIB),
      push: (client, blob) => client.pushInChunks('bench/chunked', blob),
    }),
    artifacts(1),
    artifacts(8),
    artifacts(64),
  ],
  limits: [
    {
      id: 'dd',
      title: 'dd conv=fsync',
      workloads: ['blob-push-256m', 'blob-push-chunked'],
      speed: async ({ large }, folder) => ({ value: (await diskSpeed(folder, large / MIB)) / MIB }),
    },
    {
      id: 'sha256',
      title: 'SHA-256 on one core',
      workloads: ['blob-push-256m', 'blob-push-chunked'],
      speed: async ({ large }) => ({ value: sha256Speed(large / MIB) / MIB }),
    },
  ],
}

/** Bytes that nobody has: random ones once, and a number that no other has in front. */
const RANDOM = randomFillSync(Buffer.alloc(16 * MIB))
let made = 0

function freshBytes(size: number): Buffer {
  made += 1
  const bytes = Buffer.from(RANDOM.subarray(0, size))
  bytes.writeUInt32LE(made, 0)
  bytes.writeUInt32LE(process.pid, 4)
  return bytes
}

export function freshBlob(size: number, piece: number): Blob {
  const first = freshBytes(piece)
  const rest = RANDOM.subarray(0, piece)
  return blobOf(first, ...Array.from({ length: size / piece - 1 }, () => rest))
}

function blobs(id: string, title: string, { clients, size }: { clients: number; size: number }): Workload<Content> {
  return {
    id,
    title,
    unit: 'operations/s',
    isFullOnly: true,
    measure: (server, { seconds }) =>
      repeated(server, { clients, seconds }, (client, { lane }) =>
        client.pushBlob(`bench/lane-${lane}`, blobOf(freshBytes(size))),
      ),
  }
}

/** One large blob; its digest is found before the clock runs. */
function oneBlob(
  id: string,
  title: string,
  { make, push }: { make: () => Blob; push: (client: PushClient, blob: Blob) => Promise<void> },
): Workload<Content> {
  return {
    id,
    title,
    unit: 'MiB/s',
    async measure(server): Promise<Sample> {
      const blob = make()
      const { value } = await repeated(server, { clients: 1, seconds: 0 }, (client) => push(client, blob))
      return { value: (value * blob.size) / MIB }
    },
  }
}

/** A config, a layer of 1 KiB and a tagged manifest, each of its own, into the client's own repository. */
function artifacts(clients: number): Workload<Content> {
  return {
    id: `artifacts-${clients}`,
    title: `small artifact push, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
    unit: 'artifacts/s',
    isFullOnly: clients === 1,
    // A push passes through most of a server: after three seconds ours takes half of the time of the first one.
    warmSeconds: 3,
    measure: (server, { seconds }) =>
      repeated(server, { clients, seconds }, (client, { lane }) => pushArtifact(client, `bench/artifact-${lane}`)),
  }
}

export async function pushArtifact(client: PushClient, repository: string): Promise<void> {
  const [config, layer] = [blobOf(freshBytes(200)), blobOf(freshBytes(KIB))]
  await client.pushBlob(repository, config)
  await client.pushBlob(repository, layer)
  await client.putManifest(repository, `t-${config.digest.slice(7, 19)}`, manifestOf({ config, layers: [layer] }))
}
