/** Pages of 100 in a repository of 100 and in one of 100,000: tags, referrers, referrers of one type. */
import { openDatabase, openRegistry, parseRepositoryName, parseTag, type Registry } from '../../src/registry/index.ts'
import type { Digest } from '../../src/storage/index.ts'
import { openLocalStore } from '../../src/storage/local/index.ts'
import { type BenchDatabase, ENGINES, type Engine, emptyDatabase } from '../databases.ts'
import { load } from '../load.ts'
import { type Figure, median, pairedRatio, spread } from '../report.ts'
import { inParallel, MANIFEST_TYPE, manifestOf, sha256, tagName } from '../seed.ts'
import { AUTHORIZATION, startServer } from '../server-process.ts'

const PAGE = 100
const COMMON = 'application/vnd.example.common.v1'
const RARE = 'application/vnd.example.rare.v1'
/** A page may take 1.5 times as long, so its rate may fall to two thirds. */
const TARGET = 0.67

export async function pages({ quick }: { quick: boolean }): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const engine of ENGINES) figures.push(...(await onEngine(engine, quick)))
  return figures
}

interface Pair {
  readonly name: string
  readonly small: () => Promise<number>
  readonly large: () => Promise<number>
}

async function onEngine(engine: Engine, quick: boolean): Promise<Figure[]> {
  const database = await emptyDatabase(engine)
  try {
    const many = quick ? 10_000 : 100_000
    const rounds = quick ? 5 : 9
    const registry = await registryOn(database)
    const pairs: Pair[] = []
    const figures: Figure[] = []
    try {
      await seed(registry, 'bench/small', PAGE)
      await seed(registry, 'bench/large', many)
      const inProcess = (name: string) => () => listRate(registry, name)
      pairs.push({
        name: `referrers page of ${PAGE}, a manifest with ${many} of them, ${engine}, no HTTP`,
        small: inProcess('bench/small'),
        large: inProcess('bench/large'),
      })
      figures.push(...(await measured(pairs, rounds)))
    } finally {
      await registry.dispose()
    }
    const server = await startServer({ folder: database.folder, env: database.env })
    try {
      const get = (path: string) => async () =>
        (await load(`${server.url}/v2/${path}`, { seconds: 1, connections: 8, headers: AUTHORIZATION }))
          .requestsPerSecond
      const pair = (name: string, small: string, large: string): Pair => ({
        name: `${name} in a repository of ${many}, ${engine}`,
        small: get(`bench/small/${small}`),
        large: get(`bench/large/${large}`),
      })
      const middle = `tags/list?n=${PAGE}&last=${tagName(many / 2)}`
      const [few, all] = [`referrers/${FEW}`, `referrers/${ALL}`]
      figures.push(
        ...(await measured(
          [
            pair(`tags page of ${PAGE}, the first,`, `tags/list?n=${PAGE}`, `tags/list?n=${PAGE}`),
            pair(`tags page of ${PAGE}, from the middle,`, `tags/list?n=${PAGE}`, middle),
            pair(`referrers page of ${PAGE}`, few, few),
            pair(`referrers page of ${PAGE} of one type`, `${few}?artifactType=${RARE}`, `${all}?artifactType=${RARE}`),
          ],
          rounds,
        )),
      )
    } finally {
      await server.stop()
    }
    return figures
  } finally {
    await database.stop()
  }
}

/** Small and large in turn, so that drift of the machine cancels out within a pair. */
async function measured(pairs: readonly Pair[], rounds: number): Promise<Figure[]> {
  const rates = pairs.map(() => ({ small: [] as number[], large: [] as number[] }))
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, { small, large }] of pairs.entries()) {
      const [first, second] = [await small(), await large()]
      if (round < 0) continue
      rates[index]!.small.push(first)
      rates[index]!.large.push(second)
    }
  }
  return pairs.map(({ name }, index) => {
    const { small, large } = rates[index]!
    return {
      name,
      value: median(large),
      unit: 'pages/s',
      spread: spread(large),
      against: `in one of ${PAGE}`,
      limit: median(small),
      ratio: pairedRatio(large, small),
      target: TARGET,
    }
  })
}

/** The manifest that all refer to, and the one that a page of them refer to beside. Neither need exist. */
const ALL = sha256(Buffer.from('all')) as Digest
const FEW = sha256(Buffer.from('few')) as Digest

/** `count` tagged manifests that refer to `ALL`, a page of them of the rare type; and a page that refer to `FEW`. */
async function seed(registry: Registry, name: string, count: number): Promise<void> {
  const repository = parseRepositoryName(name)
  const stride = count / PAGE
  const put = (subject: Digest, artifactType: string, tag: string) => {
    const bytes = Buffer.from(referrer(subject, artifactType, tag))
    const tags = subject === ALL ? [parseTag(tag)] : []
    const reference = { digest: sha256(bytes) as Digest }
    return registry.manifests.put({ repository, reference, bytes, tags, mediaType: MANIFEST_TYPE, actor: 'bench' })
  }
  await inParallel(count, 32, (n) => put(ALL, n % stride === 0 ? RARE : COMMON, tagName(n)))
  await inParallel(PAGE, 32, (n) => put(FEW, RARE, `few-${n}`))
}

function referrer(subject: Digest, artifactType: string, note: string): string {
  const empty = { digest: sha256(Buffer.from('{}')), size: 2 }
  const manifest = JSON.parse(manifestOf(empty.digest, empty, note)) as object
  return JSON.stringify({ ...manifest, artifactType, subject: { mediaType: MANIFEST_TYPE, digest: subject, size: 10 } })
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

/** Pages a second of what everything refers to. `/v2/` has longer pages, so that this one is taken from the library. */
async function listRate(registry: Registry, name: string): Promise<number> {
  const repository = parseRepositoryName(name)
  const until = performance.now() + 500
  let count = 0
  for (; performance.now() < until; count += 1) {
    const { referrers } = await registry.referrers.list(repository, ALL, { limit: PAGE })
    if (referrers.length !== PAGE) throw new Error(`a page of ${referrers.length}: the figures would be worthless`)
  }
  return count * 2
}
