/** A repository of many tags on one small image: what a nightly build makes of one in some years. */
import { loadWorkload } from '../load-workload.ts'
import { allPages } from '../paging.ts'
import { type Blob, blobOf, manifestOf, type PushClient, sha256, withClients } from '../push-client.ts'
import { repeated } from '../repeat.ts'
import { type Scale, type Scene, Unfit, type Workload } from '../scene.ts'

const REPOSITORY = 'bench/tags'
const PAGE = 100
/** Of requests at random: more would only make the generator's list longer. */
const PATHS = 20_000
/** Registries that rewrite one list for each put lose some of those that come at once; ours is filled alone when it is much. */
const fillersFor = (count: number): number => (count > 10_000 ? 32 : 4)

interface Content {
  readonly count: number
  readonly config: Blob
  readonly layer: Blob
  readonly manifest: Buffer
}

const tagName = (n: number): string => `t${String(n).padStart(6, '0')}`

/** `counts`: tags in a full and in a quick run. A quick run without any has no such scene. */
export function manyTags(counts: {
  readonly full: number
  readonly quick: number
  readonly only?: readonly string[]
}): Scene<Content> {
  return {
    id: `tags-${counts.full}`,
    title: counts.quick === 0 ? 'A repository of very many tags' : 'A repository of many tags',
    isFullOnly: counts.quick === 0,
    ...(counts.only && { only: counts.only }),

    async content({ isQuick }: Scale): Promise<Content> {
      const [config, layer] = [blobOf(Buffer.from('{"os":"linux"}')), blobOf(Buffer.from('tagged'))]
      const count = isQuick ? counts.quick : counts.full
      return { count, config, layer, manifest: manifestOf({ config, layers: [layer] }) }
    },

    async fill(server, { count, config, layer, manifest }, { signal }) {
      let next = 0
      await withClients(server, 1, async (client) => {
        for (const blob of [config, layer]) await client.pushBlob(REPOSITORY, blob)
      })
      await withClients(server, fillersFor(count), async (client) => {
        while (next < count) {
          if (signal.aborted) throw new Error(`put ${next} of ${count} tags`)
          const n = next
          next += 1
          await client.putManifest(REPOSITORY, tagName(n), manifest)
        }
      })
      await withClients(server, 1, async (client) => {
        const listed = await tagsOf(client)
        if (listed !== count) throw new Unfit(`it lists ${listed} of ${count} tags that it acknowledged`)
      })
    },

    workloads: ({ count, manifest }) => {
      const suffix = `${count.toLocaleString('en-US')} tags`
      return [
        loadWorkload(`manifest-get-${counts.full}`, `manifest GET by tag, ${suffix}, at random`, {
          paths: shuffled(count)
            .slice(0, PATHS)
            .map((n) => `/v2/${REPOSITORY}/manifests/${tagName(n)}`),
          digest: sha256(manifest),
        }),
        loadWorkload(`tags-page-${counts.full}`, `tag list, a page of ${PAGE} from the middle of ${suffix}`, {
          paths: [`/v2/${REPOSITORY}/tags/list?n=${PAGE}&last=${tagName(count >> 1)}`],
          connections: 4,
        }),
        whole(`tags-whole-${counts.full}`, `tag list of ${suffix}, whole`, count),
      ]
    },
  }
}

/** Page after page until there is no `Link`, as clients do; every tag must be in it. */
function whole(id: string, title: string, count: number): Workload<Content> {
  return {
    id,
    title,
    unit: 'lists/s',
    isFullOnly: true,
    measure: (server, { seconds }) =>
      repeated(server, { clients: 2, seconds }, async (client) => {
        const listed = await tagsOf(client)
        if (listed !== count) throw new Error(`the list of tags has ${listed} of ${count}`)
      }),
  }
}

async function tagsOf(client: PushClient): Promise<number> {
  const tags = await allPages(client, `/v2/${REPOSITORY}/tags/list`, (body) => (body.tags ?? []) as string[])
  return new Set(tags).size
}

/** The same order in each run. */
function shuffled(count: number): number[] {
  const numbers = Array.from({ length: count }, (_, n) => n)
  let seed = 1
  for (let n = count - 1; n > 0; n -= 1) {
    // A linear congruential generator is random enough to spread tags over a list (Numerical Recipes' constants).
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    const other = seed % (n + 1)
    const kept = numbers[n]!
    numbers[n] = numbers[other]!
    numbers[other] = kept
  }
  return numbers
}
