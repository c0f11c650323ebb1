/** Manifest GET by tag with authentication on, in a repository of one tag and of many, against bare node:http. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBare } from '../bare-process.ts'
import { hasWrk, load } from '../load.ts'
import { type Figure, median, pairedRatio, spread } from '../report.ts'
import { must, seedTags, tagName } from '../seed.ts'
import { AUTHORIZATION, startServer } from '../server-process.ts'

type Name = 'bare' | 'one' | 'bareRandom' | 'many'

export async function manifestGet({ quick }: { quick: boolean }): Promise<Figure[]> {
  const many = quick ? 5_000 : 100_000
  const server = await startServer()
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-bench-'))
  const rounds = quick ? 5 : 15
  const seconds = 1
  const options = { seconds, connections: 16, headers: AUTHORIZATION }
  const rates: Record<Name, number[]> = { bare: [], one: [], bareRandom: [], many: [] }
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
        // Making random paths costs the generator time, so the bare server is driven by the same script.
        ...(hasWrk && {
          bareRandom: await load(bare.url, { ...options, script }),
          many: await load(one, { ...options, script }),
        }),
      }
      if (round < 0) continue
      for (const [name, { requestsPerSecond }] of Object.entries(measured)) rates[name as Name].push(requestsPerSecond)
    }
    bare.stop()
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const row = (name: string, values: number[], limits: number[]): Figure => ({
    name,
    value: median(values),
    unit: 'requests/s',
    spread: spread(values),
    against: 'bare node:http, same bytes from memory',
    limit: median(limits),
    ratio: pairedRatio(values, limits),
    target: 0.6,
  })
  const figures = [row('manifest GET by tag, 1 tag', rates.one, rates.bare)]
  // Without wrk every request would be for the same tag.
  if (hasWrk) figures.push(row(`manifest GET by tag, ${many} tags, random`, rates.many, rates.bareRandom))
  return figures
}

/** What the server adds to the manifest's bytes, so that the bare server answers the same bytes. */
async function answeredHeaders(url: string): Promise<Record<string, string>> {
  const answer = await must(fetch(url, { headers: AUTHORIZATION }), 200)
  await answer.arrayBuffer()
  const own = new Set(['date', 'connection', 'keep-alive', 'content-length'])
  return Object.fromEntries([...answer.headers].filter(([name]) => !own.has(name)))
}
