/** What a credential costs: manifest GETs with each kind of one, against the same without any, in the same rounds. */
import { ENGINES, type Engine, emptyDatabase } from '../databases.ts'
import { median, pairedRatio, spread } from '../figures.ts'
import { load } from '../load.ts'
import { must, seedImage, tagName } from '../seed.ts'
import { AUTHORIZATION, processorSeconds, type ServerProcess, startServer, TOKEN } from '../server-process.ts'
import type { Figure } from './figure.ts'

const KINDS = { static: 'static token', issued: 'issued token', jwt: 'access token (JWT)' } as const
const SECONDS = 1
type Kind = keyof typeof KINDS
/** Requests a second, and requests a second of the server's processor time: what else the machine does touches that less. */
type Rates = Record<Kind | 'anonymous', { wall: number[]; processor: number[] }>

export async function authentication({ quick }: { quick: boolean }): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const engine of ENGINES) figures.push(...(await onEngine(engine, quick ? 5 : 15)))
  return figures
}

async function onEngine(engine: Engine, rounds: number): Promise<Figure[]> {
  const database = await emptyDatabase(engine)
  const { folder } = database
  const server = await startServer({ folder, env: { ...database.env, ARTIFACTSTORE_ANON_READ: 'true' } })
  const rates: Rates = { anonymous: none(), static: none(), issued: none(), jwt: none() }
  try {
    await seedImage({ ...server, headers: AUTHORIZATION }, 'bench/one')
    const paths = [`/v2/bench/one/manifests/${tagName(0)}`]
    const issued = bearer(await issuedToken(server))
    // Round -1 warms the server up and does not count.
    for (let round = -1; round < rounds; round += 1) {
      const headers = { anonymous: {}, static: AUTHORIZATION, issued, jwt: bearer(await accessToken(server)) }
      // Another one begins each time, so that what the machine does beside this falls on all alike.
      for (const kind of rotated(Object.keys(headers) as (keyof Rates)[], round + 1)) {
        const before = await processorSeconds(server.pid)
        const { requestsPerSecond } = await load({ ...server, headers: headers[kind] }, { paths, seconds: SECONDS })
        const spent = (await processorSeconds(server.pid)) - before
        if (round < 0) continue
        rates[kind].wall.push(requestsPerSecond)
        rates[kind].processor.push((requestsPerSecond * SECONDS) / spent)
      }
    }
  } finally {
    await server.stop()
    await database.stop()
  }
  return Object.entries(KINDS).flatMap(([kind, words]) => {
    const name = `manifest GET with ${words}, ${engine}`
    const [own, without] = [rates[kind as Kind], rates.anonymous]
    return [
      figure(name, 'requests/s', own.wall, without.wall),
      figure(`${name}, a second of the server's processor time`, 'requests', own.processor, without.processor),
    ]
  })
}

const none = () => ({ wall: [], processor: [] })

function figure(name: string, unit: string, values: number[], limits: number[]): Figure {
  return {
    name,
    value: median(values),
    unit,
    spread: spread(values),
    against: 'anonymous',
    limit: median(limits),
    ratio: pairedRatio(values, limits),
    target: 0.9,
  }
}

function rotated<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length
  return [...values.slice(at), ...values.slice(0, at)]
}

function bearer(secret: string): Record<string, string> {
  return { Authorization: `Bearer ${secret}` }
}

async function issuedToken(server: ServerProcess): Promise<string> {
  const headers = { ...AUTHORIZATION, 'Content-Type': 'application/json' }
  const body = JSON.stringify({ scopes: ['repository:bench/**:pull'], note: 'bench' })
  const answer = await must(fetch(`${server.url}/tokens`, { method: 'POST', headers, body }), 201)
  return ((await answer.json()) as { secret: string }).secret
}

async function accessToken(server: ServerProcess): Promise<string> {
  const headers = { Authorization: `Basic ${Buffer.from(`bench:${TOKEN}`).toString('base64')}` }
  const answer = await must(fetch(`${server.url}/token?scope=repository:bench/one:pull`, { headers }), 200)
  return ((await answer.json()) as { token: string }).token
}
