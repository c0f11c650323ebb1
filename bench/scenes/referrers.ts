/** One image with many referrers, a few of them of the type that a verifier asks for. */
import { loadWorkload } from '../load-workload.ts'
import { allPages } from '../paging.ts'
import { type Blob, blobOf, manifestOf, sha256, withClients } from '../push-client.ts'
import { repeated } from '../repeat.ts'
import { type Scale, type Scene, Unfit } from '../scene.ts'

const REPOSITORY = 'bench/referrers'
const COMMON = 'application/vnd.example.scan.v1'
const RARE = 'application/vnd.example.signature.v1'
const RARE_COUNT = 20
const FILLERS = 1

interface Content {
  readonly count: number
  readonly config: Blob
  readonly layer: Blob
  readonly subject: Buffer
}

interface Listed {
  readonly manifests?: readonly { readonly digest: string; readonly artifactType?: string }[]
}

export function referrers(counts: {
  readonly full: number
  readonly quick: number
  readonly only?: readonly string[]
}): Scene<Content> {
  return {
    id: `referrers-${counts.full}`,
    title: counts.quick === 0 ? 'One image with very many referrers' : 'One image with many referrers',
    isFullOnly: counts.quick === 0,
    ...(counts.only && { only: counts.only }),

    async content({ isQuick }: Scale): Promise<Content> {
      const [config, layer] = [blobOf(Buffer.from('{}')), blobOf(Buffer.from('subject'))]
      const count = isQuick ? counts.quick : counts.full
      return { count, config, layer, subject: manifestOf({ config, layers: [layer] }) }
    },

    async fill(server, { count, config, layer, subject }, { signal }) {
      let next = 0
      const target = { digest: sha256(subject), size: subject.length }
      await withClients(server, 1, async (client) => {
        for (const blob of [config, layer]) await client.pushBlob(REPOSITORY, blob)
        await client.putManifest(REPOSITORY, 'subject', subject)
      })
      await withClients(server, FILLERS, async (client) => {
        while (next < count) {
          if (signal.aborted) throw new Error(`put ${next} of ${count} referrers`)
          const n = next
          next += 1
          const artifactType = n % Math.floor(count / RARE_COUNT) === 0 ? RARE : COMMON
          const bytes = manifestOf({ config, layers: [config], note: String(n), artifactType, subject: target })
          await client.putManifest(REPOSITORY, sha256(bytes), bytes)
        }
      })
      await withClients(server, 1, async (client) => {
        const path = `/v2/${REPOSITORY}/referrers/${target.digest}`
        const all = await allPages(client, path, listed).catch((error: Error) => {
          throw new Unfit(`it lists no referrers: ${error.message}`)
        })
        const found = new Set(all.map(({ digest }) => digest)).size
        if (found !== count) throw new Unfit(`it lists ${found} of ${count} referrers that it acknowledged`)
      })
    },

    workloads: ({ count, subject }) => {
      const path = `/v2/${REPOSITORY}/referrers/${sha256(subject)}`
      const words = `${count.toLocaleString('en-US')} referrers`
      return [
        loadWorkload(`referrers-page-${counts.full}`, `referrers, the first page of ${words}`, {
          paths: [path],
          connections: 4,
        }),
        {
          id: `referrers-filtered-${counts.full}`,
          title: `referrers of one type, ${RARE_COUNT} of ${words}`,
          unit: 'lists/s',
          measure: (server, { seconds }) =>
            repeated(server, { clients: 4, seconds }, async (client) => {
              const all = await allPages(client, `${path}?artifactType=${encodeURIComponent(RARE)}`, listed)
              const found = all.filter(({ artifactType }) => artifactType === RARE).length
              if (found !== RARE_COUNT) throw new Error(`${found} of ${RARE_COUNT} referrers of one type are listed`)
            }),
        },
        {
          id: `referrers-whole-${counts.full}`,
          title: `referrers, all of ${words}`,
          unit: 'lists/s',
          isFullOnly: true,
          measure: (server, { seconds }) =>
            repeated(server, { clients: 2, seconds }, async (client) => {
              const found = new Set((await allPages(client, path, listed)).map(({ digest }) => digest)).size
              if (found !== count) throw new Error(`${found} of ${count} referrers are listed`)
            }),
        },
      ]
    },
  }
}

function listed(body: Readonly<Record<string, unknown>>) {
  return (body as Listed).manifests ?? []
}
