/** What a build farm does: nine pulls of a manifest and its layer for each push. */
import { randomBytes } from 'node:crypto'
import { type Blob, blobOf, manifestOf, sha256, withClients } from '../push-client.ts'
import { repeated } from '../repeat.ts'
import type { Scene } from '../scene.ts'
import { pushArtifact } from './pushes.ts'

const REPOSITORY = 'bench/mixed'
const TAGS = 100
const CLIENTS = 16

interface Content {
  readonly config: Blob
  readonly layers: readonly Blob[]
}

export const mixed: Scene<Content> = {
  id: 'mixed',
  title: 'Nine pulls for each push',

  content: async () => ({
    config: blobOf(Buffer.from('{"os":"linux"}')),
    layers: Array.from({ length: TAGS }, () => blobOf(randomBytes(4096))),
  }),

  async fill(server, { config, layers }) {
    await withClients(server, 1, async (client) => {
      await client.pushBlob(REPOSITORY, config)
      for (const [n, layer] of layers.entries()) {
        await client.pushBlob(REPOSITORY, layer)
        await client.putManifest(REPOSITORY, `t${n}`, manifestOf({ config, layers: [layer] }))
      }
    })
  },

  workloads: ({ layers }) => [
    {
      id: 'mixed-90-10',
      title: `nine pulls and a push in turn, ${CLIENTS} clients`,
      unit: 'operations/s',
      measure: (server, { seconds }) =>
        repeated(server, { clients: CLIENTS, seconds }, async (client, { lane, n }) => {
          // Not all push at the same moment.
          if ((lane + n) % 10 === 0) return pushArtifact(client, `bench/mixed-${lane}`)
          const tag = (lane * 31 + n) % TAGS
          await client.get(`/v2/${REPOSITORY}/manifests/t${tag}`)
          const layer = layers[tag]!
          const { body } = await client.get(`/v2/${REPOSITORY}/blobs/${layer.digest}`)
          if (n % 50 === 1 && sha256(body) !== layer.digest) throw new Error(`the layer of t${tag} has another digest`)
        }),
    },
  ],
}
