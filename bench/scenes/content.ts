/** What is read most: one small image, and blobs from 4 KiB to 1 GiB. */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startBare } from '../bare-process.ts'
import type { Running } from '../contestant.ts'
import { loadWorkload } from '../load-workload.ts'
import { findNginx, startNginx } from '../peers/nginx.ts'
import { type Blob, blobOf, manifestOf, PushClient, sha256 } from '../push-client.ts'
import type { Limit, Scale, Scene } from '../scene.ts'

const KIB = 1024
const MIB = 1024 * KIB
const REPOSITORY = 'bench/content'
const TAG = 'v1'
/** From the middle of the large blob. */
const RANGE = { first: 4 * MIB, bytes: 64 * KIB }

interface Content {
  readonly config: Blob
  readonly small: Blob
  readonly large: Blob
  /** Absent in a quick run. */
  readonly huge: Blob | undefined
  readonly manifest: Buffer
}

const blobPath = ({ digest }: Blob) => `/v2/${REPOSITORY}/blobs/${digest}`
const manifestPath = (reference: string) => `/v2/${REPOSITORY}/manifests/${reference}`

export const content: Scene<Content> = {
  id: 'content',
  title: 'Reading one image and its blobs',

  async content({ isQuick }: Scale): Promise<Content> {
    const config = blobOf(Buffer.from('{"architecture":"amd64","os":"linux"}'))
    const small = blobOf(randomBytes(4 * KIB))
    const large = blobOf(randomBytes(10 * MIB))
    const block = randomBytes(16 * MIB)
    const huge = isQuick ? undefined : blobOf(...Array.from({ length: 64 }, () => block))
    return { config, small, large, huge, manifest: manifestOf({ config, layers: [small, large] }) }
  },

  async fill(server, { config, small, large, huge, manifest }) {
    const client = new PushClient(server)
    try {
      for (const blob of [config, small, large, ...(huge ? [huge] : [])]) await client.pushBlob(REPOSITORY, blob)
      await client.putManifest(REPOSITORY, TAG, manifest)
    } finally {
      client.close()
    }
  },

  workloads: ({ huge, manifest, small, large }) => [
    loadWorkload('manifest-get-tag', 'manifest GET by tag, 1 tag', {
      paths: [manifestPath(TAG)],
      digest: sha256(manifest),
    }),
    loadWorkload('manifest-get-digest', 'manifest GET by digest', {
      isFullOnly: true,
      paths: [manifestPath(sha256(manifest))],
      digest: sha256(manifest),
    }),
    loadWorkload('manifest-head', 'manifest HEAD by tag', {
      isFullOnly: true,
      paths: [manifestPath(TAG)],
      method: 'HEAD',
    }),
    loadWorkload('blob-get-4k', 'blob GET 4 KiB', {
      isFullOnly: true,
      paths: [blobPath(small)],
      digest: small.digest,
    }),
    loadWorkload('blob-get-10m', 'blob GET 10 MiB', {
      unit: 'MiB/s',
      paths: [blobPath(large)],
      digest: large.digest,
      connections: 4,
    }),
    loadWorkload('blob-range', 'blob GET of 64 KiB out of 10 MiB', {
      isFullOnly: true,
      paths: [blobPath(large)],
      headers: { Range: `bytes=${RANGE.first}-${RANGE.first + RANGE.bytes - 1}` },
      status: 206,
      digest: sha256(large.pieces[0]!.subarray(RANGE.first, RANGE.first + RANGE.bytes)),
    }),
    ...(huge
      ? [
          loadWorkload('blob-get-1g', 'blob GET 1 GiB', {
            unit: 'MiB/s',
            paths: [blobPath(huge)],
            connections: 2,
            isUnread: true,
          }),
        ]
      : []),
  ],

  limits: [
    bareManifest(1),
    bareManifest(2),
    bareBlob('bare-file', 'node:http reading the file into buffers that it uses again', 'loop'),
    bareBlob('bare-pipe', 'node:http piping the file', 'file'),
    {
      id: 'nginx',
      title: 'nginx with the same bytes as files, nobody asked who they are',
      workloads: [
        'manifest-get-tag',
        'manifest-get-digest',
        'manifest-head',
        'blob-get-4k',
        'blob-get-10m',
        'blob-range',
      ],
      missing: async () => {
        const found = await findNginx()
        return 'why' in found ? found : undefined
      },
      start: staticFiles,
    },
  ],
}

/** What ours adds to a manifest, so that the bare server sends as much. */
const HEADERS = {
  'Docker-Distribution-API-Version': 'registry/2.0',
  'X-Content-Type-Options': 'nosniff',
  'X-Request-Id': '0123456789abcdef-4zz',
  'Content-Type': 'application/vnd.oci.image.manifest.v1+json',
  'Docker-Content-Digest': `sha256:${'0'.repeat(64)}`,
  ETag: `"sha256:${'0'.repeat(64)}"`,
}

function bareManifest(workers: number): Limit<Content> {
  const words = workers === 1 ? 'one process' : `${workers} processes`
  return {
    id: `bare-${workers}`,
    title: `node:http answering the manifest's bytes from memory, ${words}`,
    workloads: ['manifest-get-tag'],
    async start({ manifest }, folder) {
      const file = join(folder, 'manifest')
      await writeFile(file, manifest)
      return startBare('bytes', file, { headers: HEADERS, workers })
    },
  }
}

function bareBlob(id: string, title: string, kind: 'loop' | 'file'): Limit<Content> {
  return {
    id,
    title,
    workloads: ['blob-get-10m'],
    async start({ large }, folder) {
      const file = join(folder, 'blob')
      await writeFile(file, large.pieces)
      return startBare(kind, file, { size: large.size })
    },
  }
}

/** Under the same paths as a registry has them. */
async function staticFiles({ config, small, large, manifest }: Content, folder: string): Promise<Running> {
  const files = new Map<string, Blob | Buffer>([config, small, large].map((blob) => [blobPath(blob), blob]))
  for (const reference of [TAG, sha256(manifest)]) files.set(manifestPath(reference), manifest)
  for (const [path, bytes] of files) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, 'pieces' in bytes ? bytes.pieces : bytes)
  }
  return startNginx(folder)
}
