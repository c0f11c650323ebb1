/** 256 MiB through the native door, against the lower of the disk and one core's SHA-256. */
import { randomFillSync } from 'node:crypto'
import { request } from 'node:http'
import { median, pairedRatio, spread } from '../figures.ts'
import { diskSpeed, sha256Speed } from '../limits.ts'
import { must } from '../seed.ts'
import { AUTHORIZATION, loopDelay, type ServerProcess, startServer } from '../server-process.ts'
import type { Figure } from './figure.ts'

const MIB = 1024 * 1024

export async function nativePush({ quick }: { quick: boolean }): Promise<Figure[]> {
  const server = await startServer()
  try {
    const mebibytes = quick ? 64 : 256
    const rates: Record<'disk' | 'sha256' | 'native', number[]> = { disk: [], sha256: [], native: [] }
    await loopDelay(server)
    for (let round = 0; round < (quick ? 3 : 5); round += 1) {
      rates.disk.push(await diskSpeed(server.folder, mebibytes))
      rates.sha256.push(sha256Speed(mebibytes))
      rates.native.push(await pushNative(server, mebibytes, round + 1))
    }
    const delay = await loopDelay(server)
    const limits = rates.disk.map((disk, round) => Math.min(disk, rates.sha256[round]!))
    return [
      {
        name: `file push ${mebibytes} MiB, native multipart`,
        value: median(rates.native) / MIB,
        unit: 'MiB/s',
        spread: spread(rates.native),
        against: median(rates.disk) < median(rates.sha256) ? 'dd conv=fsync' : 'SHA-256 on one core',
        limit: median(limits) / MIB,
        ratio: pairedRatio(rates.native, limits),
        target: 0.8,
      },
      { name: 'event loop, longest delay during these pushes', value: delay, unit: 'ms', atMost: 20 },
    ]
  } finally {
    await server.stop()
  }
}

/** Different bytes for each seed, made from one random block so that making them costs nothing. */
function* blocks(mebibytes: number, seed: number): Generator<Buffer> {
  const block = Buffer.alloc(MIB)
  randomFillSync(block)
  block.writeUInt32LE(seed, 0)
  for (let n = 0; n < mebibytes; n += 1) yield block
}

async function pushNative(server: ServerProcess, mebibytes: number, seed: number): Promise<number> {
  const created = await must(
    fetch(`${server.url}/packages`, {
      method: 'POST',
      headers: { ...AUTHORIZATION, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: `push-${seed}`, producer: 'bench', subject: 'bench', retention_class: 'transient' }),
    }),
    201,
  )
  const { id } = (await created.json()) as { id: string }
  const boundary = 'bench-boundary'
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`,
  )
  const body = [head, ...blocks(mebibytes, seed), Buffer.from(`\r\n--${boundary}--\r\n`)]
  const started = performance.now()
  const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` }
  await send(new URL(`${server.url}/packages/${id}/files`), 'POST', headers, body)
  return (mebibytes * MIB) / ((performance.now() - started) / 1_000)
}

function send(url: URL, method: string, headers: Record<string, string>, body: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { ...AUTHORIZATION, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        if (response.statusCode === 201) resolve()
        else reject(new Error(`${method} ${url.pathname} answered ${response.statusCode}: ${Buffer.concat(chunks)}`))
      })
    })
    sent.on('error', reject)
    void (async () => {
      for (const block of body) if (!sent.write(block)) await new Promise((drained) => sent.once('drain', drained))
      sent.end()
    })()
  })
}
