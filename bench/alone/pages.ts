/**
 * Pages of 100 in a repository of 100 and in one of 100,000: tags, referrers, referrers of one type. One client asks for
 * either in turn, and the median answer counts: what else the machine does falls on both alike.
 */
import { Agent, get } from 'node:http'
import { openDatabase, openRegistry, parseRepositoryName, parseTag, type Registry } from '../../src/registry/index.ts'
import type { Digest } from '../../src/storage/index.ts'
import { openLocalStore } from '../../src/storage/local/index.ts'
import { type BenchDatabase, ENGINES, type Engine, emptyDatabase } from '../databases.ts'
import { median } from '../figures.ts'
import { blobOf, MANIFEST_TYPE, manifestOf, sha256 } from '../push-client.ts'
import { inParallel, tagName } from '../seed.ts'
import { AUTHORIZATION, startServer } from '../server-process.ts'
import type { Figure } from './figure.ts'

const PAGE = 100
const COMMON = 'application/vnd.example.common.v1'
const RARE = 'application/vnd.example.rare.v1'
const TARGET = 1.5

export async function pages({ quick }: { quick: boolean }): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const engine of ENGINES) figures.push(...(await onEngine(engine, quick)))
  return figures
}

/** One page each, of the small repository and of the large one. */
interface Pair {
  readonly name: string
  readonly small: () => Promise<unknown>
  readonly large: () => Promise<unknown>
}

async function onEngine(engine: Engine, quick: boolean): Promise<Figure[]> {
  const database = await emptyDatabase(engine)
  const many = quick ? 3_000 : 100_000
  const rounds = quick ? 200 : 500
  try {
    const registry = await registryOn(database)
    const figures: Figure[] = []
    try {
      await seed(registry, 'bench/small', PAGE)
      await seed(registry, 'bench/large', many)
      const name = `referrers page of ${PAGE} of a manifest with ${many}, ${engine}, no HTTP`
      const listed = (repository: string) => () => list(registry, repository)
      figures.push(...(await measured([{ name, small: listed('bench/small'), large: listed('bench/large') }], rounds)))
    } finally {
      await registry.dispose()
    }
    figures.push(...(await overHttp(database, { engine, many, rounds })))
    return figures
  } finally {
    await database.stop()
  }
}

async function overHttp(
  database: BenchDatabase,
  { engine, many, rounds }: { engine: Engine; many: number; rounds: number },
): Promise<Figure[]> {
  const server = await startServer({ folder: database.folder, env: database.env })
  const agent = new Agent({ keepAlive: true })
  try {
    const page = (path: string) => () => answered(agent, `${server.url}/v2/${path}`)
    const pair = (name: string, small: string, large: string): Pair => ({
      name: `${name} in a repository of ${many}, ${engine}`,
      small: page(`bench/small/${small}`),
      large: page(`bench/large/${large}`),
    })
    const first = `tags/list?n=${PAGE}`
    const [few, all] = [`referrers/${FEW}`, `referrers/${ALL}`]
    const rare = `?artifactType=${RARE}`
    return await measured(
      [
        pair(`tags page of ${PAGE}, the first,`, first, first),
        pair(`tags page of ${PAGE}, from the middle,`, first, `${first}&last=${tagName(many / 2)}`),
        pair(`referrers page of ${PAGE}`, few, few),
        pair(`referrers page of ${PAGE} of one type`, `${few}${rare}`, `${all}${rare}`),
      ],
      rounds,
    )
  } finally {
    agent.destroy()
    await server.stop()
  }
}

async function measured(pairs: readonly Pair[], rounds: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const { name, small, large } of pairs) {
    const times = { small: [] as number[], large: [] as number[] }
    // The rounds before 0 warm both up and do not count.
    for (let round = -50; round < rounds; round += 1) {
      const pair = { small: await taken(small), large: await taken(large) }
      if (round < 0) continue
      times.small.push(pair.small)
      times.large.push(pair.large)
    }
    figures.push({
      name,
      value: median(times.large),
      unit: 'ms',
      against: `in one of ${PAGE}`,
      limit: median(times.small),
      ratio: median(times.large) / median(times.small),
      ratioAtMost: TARGET,
    })
  }
  return figures
}

async function taken(page: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await page()
  return performance.now() - started
}

/** One answer, whole; it must be a page of exactly what was asked for. */
function answered(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent, headers: AUTHORIZATION }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { tags, manifests } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown[]>
        const count = (tags ?? manifests)?.length
        if (count === PAGE) resolve()
        else reject(new Error(`${url} answered ${response.statusCode} with ${count}: the figures would be worthless`))
      })
    })
    sent.on('error', reject)
  })
}

/** The manifest that all refer to, and the one that a page of them refer to beside. Neither need exist. */
const ALL = sha256(Buffer.from('all')) as Digest
const FEW = sha256(Buffer.from('few')) as Digest

const EMPTY = blobOf(Buffer.from('{}'))

/** `count` tagged manifests that refer to `ALL`, a page of them of the rare type; and a page that refer to `FEW`. */
async function seed(registry: Registry, name: string, count: number): Promise<void> {
  const repository = parseRepositoryName(name)
  const stride = count / PAGE
  const put = (subject: Digest, artifactType: string, tag: string) => {
    const to = { digest: subject, size: 10 }
    const bytes = manifestOf({ config: EMPTY, layers: [EMPTY], note: tag, artifactType, subject: to })
    const tags = subject === ALL ? [parseTag(tag)] : []
    const reference = { digest: sha256(bytes) as Digest }
    return registry.manifests.put({ repository, reference, bytes, tags, mediaType: MANIFEST_TYPE, actor: 'bench' })
  }
  await inParallel(count, 32, (n) => put(ALL, n % stride === 0 ? RARE : COMMON, tagName(n)))
  await inParallel(PAGE, 32, (n) => put(FEW, RARE, `few-${n}`))
}

async function registryOn({ location, folder }: BenchDatabase): Promise<Registry> {
  // The filling may be relaxed: what is measured is reading.
  const opened = await openDatabase(location, { durability: 'relaxed' })
  const store = await openLocalStore({ root: `${folder}/seeded`, durability: 'relaxed' })
  return openRegistry({
    database: opened,
    backends: [{ id: 'local', ...store }],
    defaultBackend: 'local',
    version: 'bench',
  })
}

/** A page of what everything refers to. `/v2/` has longer pages, so that this one is taken from the library. */
async function list(registry: Registry, name: string): Promise<void> {
  const { referrers } = await registry.referrers.list(parseRepositoryName(name), ALL, { limit: PAGE })
  if (referrers.length !== PAGE) throw new Error(`a page of ${referrers.length}: the figures would be worthless`)
}
