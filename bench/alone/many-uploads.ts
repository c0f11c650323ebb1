/** Many clients at once, each uploading a blob of its own: failures, and the memory that the server takes for it. */
import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, spread } from '../figures.ts'
import { AUTHORIZATION, memoryOf, resetPeak, type ServerProcess, startServer } from '../server-process.ts'
import type { Figure } from './figure.ts'

const MIB = 1024 * 1024
const CLIENTS = 200

interface Wave {
  readonly failures: number
  readonly growth: number
  readonly seconds: number
}

export async function manyUploads({ quick }: { quick: boolean }): Promise<Figure[]> {
  const sizes = quick ? [1, 2] : [1, 4]
  const rounds = quick ? 1 : 3
  const waves = new Map<number, Wave[]>(sizes.map((size) => [size, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const size of sizes) waves.get(size)!.push(await wave(size))
  }
  const [one] = sizes as [number]
  return sizes.flatMap((size) => {
    const done = waves.get(size)!
    const growth = done.map((each) => each.growth)
    const name = `${CLIENTS} clients uploading ${size} MiB at once`
    return [
      { name: `${name}: failures`, value: Math.max(...done.map((each) => each.failures)), unit: 'of them', atMost: 0 },
      {
        name: `${name}: peak memory growth`,
        value: median(growth),
        unit: 'MiB',
        spread: spread(growth),
        ...(size === one
          ? {}
          : { against: `with ${one} MiB each`, limit: median(waves.get(one)!.map((w) => w.growth)) }),
        ...(size === one ? {} : { ratio: median(growth) / median(waves.get(one)!.map((w) => w.growth)) }),
      },
      {
        name: `${name}: together`,
        value: (CLIENTS * size) / median(done.map((each) => each.seconds)),
        unit: 'MiB/s',
      },
    ]
  })
}

/** On a fresh server, since memory that earlier uploads left would hide the growth. */
async function wave(mebibytes: number): Promise<Wave> {
  const server = await startServer()
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  try {
    // One first, so that what every server needs once is no growth.
    await upload(server, agent, randomBytes(MIB))
    await sleep(1_000)
    await resetPeak(server.pid)
    const before = await memoryOf(server.pid)
    // One random block, made another's by its first bytes: the generator's own memory must not press on the server's.
    const block = randomBytes(mebibytes * MIB)
    const started = performance.now()
    const outcomes = await Promise.all(
      Array.from({ length: CLIENTS }, (_, n) => upload(server, agent, numbered(block, n))),
    )
    const seconds = (performance.now() - started) / 1_000
    const after = await memoryOf(server.pid)
    const growth = before && after ? (after.peak - before.now) / MIB : Number.NaN
    return { failures: outcomes.filter((ok) => !ok).length, growth, seconds }
  } finally {
    agent.destroy()
    await server.stop()
  }
}

function numbered(block: Buffer, n: number): Buffer<ArrayBuffer> {
  const own = Buffer.from(block)
  own.writeUInt32LE(n, 0)
  return own
}

/** POST and PUT, as oras does it. Whether both were answered as they should. */
async function upload(server: ServerProcess, agent: Agent, bytes: Buffer<ArrayBuffer>): Promise<boolean> {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const begun = await send(agent, `${server.url}/v2/bench/many/blobs/uploads/`, 'POST')
  if (begun.status !== 202 || begun.location === undefined) return false
  const location = new URL(begun.location, server.url)
  location.searchParams.set('digest', digest)
  return (await send(agent, location.href, 'PUT', bytes)).status === 201
}

function send(
  agent: Agent,
  url: string,
  method: string,
  body = Buffer.alloc(0),
): Promise<{ status: number | undefined; location: string | undefined }> {
  const headers = {
    ...AUTHORIZATION,
    'Content-Type': 'application/octet-stream',
    'Content-Length': body.length,
  }
  return new Promise((resolve) => {
    const sent = request(url, { method, agent, headers }, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode, location: response.headers.location }))
    })
    sent.on('error', () => resolve({ status: undefined, location: undefined }))
    sent.end(body)
  })
}
