/** What the workloads of `alone/` fill a registry with, and how they ask. */
import type { Running } from './contestant.ts'
import { blobOf, manifestOf, withClients } from './push-client.ts'

export async function must(answer: Promise<Response>, status: number): Promise<Response> {
  const got = await answer
  if (got.status !== status) throw new Error(`${got.url} answered ${got.status}: ${await got.text()}`)
  return got
}

export const tagName = (n: number): string => `t${String(n).padStart(6, '0')}`

/** One small image under the first tag. */
export async function seedImage(server: Running, repository: string): Promise<void> {
  const [config, layer] = [blobOf(Buffer.from('{}')), blobOf(Buffer.from('bench'))]
  await withClients(server, 1, async (client) => {
    for (const blob of [config, layer]) await client.pushBlob(repository, blob)
    await client.putManifest(repository, tagName(0), manifestOf({ config, layers: [layer] }))
  })
}

export async function inParallel(count: number, width: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) await work(next++)
    }),
  )
}
