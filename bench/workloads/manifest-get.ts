/** Manifest GET by tag with authentication on, in a repository of one tag and of many, against bare node:http. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBare } from '../bare-process.ts'
import { load } from '../load.ts'
import { type Figure, median, pairedRatio, spread } from '../report.ts'
import { must, seedTags, tagName } from '../seed.ts'
import { AUTHORIZATION, startServer } from '../server-process.ts'

export async function manifestGet({ quick }: { quick: boolean }): Promise<Figure[]> {
  const many = quick ? 5_000 : 100_000
  const server = await startServer()
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-bench-'))
  const rounds = quick ? 5 : 15
  const seconds = 1
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
    const headers = await answeredHeaders(`${server.url}/v2/bench/one/manifests/${tagName(0)}`)
    const bare = await startBare('bytes', String(manifest.length), JSON.stringify(headers))
    // Round -1 warms both up and does not count.
    for (let round = -1; round < rounds; round += 1) {
      const one = `${server.url}/v2/bench/one/manifests/${tagName(0)}`
      const measured = {
        bare: await load(bare.url, options),
        one: await load(one, options),
        many: await load(one, { ...options, script }),
      }
      if (round < 0) continue
      for (const name of ['bare', 'one', 'many'] as const) rates[name].push(measured[name].requestsPerSecond)
    }
    bare.stop()
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const row = (name: string, values: number[]): Figure => ({
    name,
    value: median(values),
    unit: 'requests/s',
    spread: spread(values),
    against: 'bare node:http, same bytes from memory',
    limit: median(rates.bare),
    ratio: pairedRatio(values, rates.bare),
    target: 0.6,
  })
  return [row('manifest GET by tag, 1 tag', rates.one), row(`manifest GET by tag, ${many} tags, random`, rates.many)]
}

/** What the server adds to the manifest's bytes, so that the bare server answers the same bytes. */
async function answeredHeaders(url: string): Promise<Record<string, string>> {
  const answer = await must(fetch(url, { headers: AUTHORIZATION }), 200)
  await answer.arrayBuffer()
  const own = new Set(['date', 'connection', 'keep-alive', 'content-length'])
  return Object.fromEntries([...answer.headers].filter(([name]) => !own.has(name)))
}
