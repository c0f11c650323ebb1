/** Manifest GET by tag with authentication on, in a repository of one tag and of many, against bare node:http. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBare } from '../bare-process.ts'
import { load } from '../load.ts'
import { type Figure, median, spread } from '../report.ts'
import { MANIFEST_TYPE, seedTags, tagName } from '../seed.ts'
import { AUTHORIZATION, startServer } from '../server-process.ts'

export async function manifestGet({ quick }: { quick: boolean }): Promise<Figure[]> {
  const many = quick ? 5_000 : 100_000
  const server = await startServer()
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-bench-'))
  const rounds = 3
  const seconds = quick ? 2 : 5
  const options = { seconds, connections: 16, headers: AUTHORIZATION }
  const rates: Record<'bare' | 'one' | 'many', number[]> = { bare: [], one: [], many: [] }
  try {
    const manifest = await seedTags(server, 'bench/one', 1)
    await seedTags(server, 'bench/many', many)
    const script = join(folder, 'random-tag.lua')
    await writeFile(
      script,
      `request = function() return wrk.format("GET", string.format("/v2/bench/many/manifests/t%06d", math.random(0, ${many - 1}))) end\n`,
    )
    const bare = await startBare('bytes', String(manifest.length), JSON.stringify({ 'Content-Type': MANIFEST_TYPE }))
    for (let round = 0; round < rounds; round += 1) {
      rates.bare.push((await load(bare.url, options)).requestsPerSecond)
      rates.one.push((await load(`${server.url}/v2/bench/one/manifests/${tagName(0)}`, options)).requestsPerSecond)
      rates.many.push(
        (await load(`${server.url}/v2/bench/many/manifests/${tagName(7)}`, { ...options, script })).requestsPerSecond,
      )
    }
    bare.stop()
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const bare = median(rates.bare)
  const row = (name: string, values: number[]): Figure => ({
    name,
    value: median(values),
    unit: 'requests/s',
    spread: spread(values),
    against: 'bare node:http, same bytes from memory',
    limit: bare,
    ratio: median(values) / bare,
    target: 0.6,
  })
  return [row('manifest GET by tag, 1 tag', rates.one), row(`manifest GET by tag, ${many} tags, random`, rates.many)]
}
