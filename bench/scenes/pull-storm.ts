/** A cluster that starts: 64 clients pull the same image of 20 layers. */
import { randomBytes } from 'node:crypto'
import { load } from '../load.ts'
import { type Blob, blobOf, manifestOf, PushClient, sha256 } from '../push-client.ts'
import type { Scene } from '../scene.ts'

const REPOSITORY = 'bench/storm'
const LAYERS = 20
const LAYER_BYTES = 256 * 1024
const CLIENTS = 64

interface Content {
  readonly config: Blob
  readonly layers: readonly Blob[]
  readonly manifest: Buffer
}

export const pullStorm: Scene<Content> = {
  id: 'pull-storm',
  title: `${CLIENTS} clients pull one image of ${LAYERS} layers`,

  async content(): Promise<Content> {
    const config = blobOf(Buffer.from('{"os":"linux","architecture":"arm64"}'))
    const layers = Array.from({ length: LAYERS }, () => blobOf(randomBytes(LAYER_BYTES)))
    return { config, layers, manifest: manifestOf({ config, layers }) }
  },

  async fill(server, { config, layers, manifest }) {
    const client = new PushClient(server)
    try {
      for (const blob of [config, ...layers]) await client.pushBlob(REPOSITORY, blob)
      await client.putManifest(REPOSITORY, 'latest', manifest)
    } finally {
      client.close()
    }
  },

  workloads: ({ config, layers, manifest }) => {
    const blobs = [config, ...layers].map(({ digest }) => `/v2/${REPOSITORY}/blobs/${digest}`)
    const paths = [`/v2/${REPOSITORY}/manifests/latest`, ...blobs]
    return [
      {
        id: 'pull-storm',
        title: `pull of an image of ${LAYERS} layers of 256 KiB, ${CLIENTS} clients`,
        unit: 'images/s',
        async measure(server, { seconds }) {
          const { requestsPerSecond, p99 } = await load(server, {
            paths,
            seconds,
            connections: CLIENTS,
            digest: sha256(manifest),
          })
          return { value: requestsPerSecond / paths.length, p99 }
        },
      },
    ]
  },
}
