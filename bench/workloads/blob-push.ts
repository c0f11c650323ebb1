/** 256 MiB through either door, against the lower of the disk and one core's SHA-256; memory while 4 GiB go in. */
import { createHash, randomFillSync } from 'node:crypto'
import { request } from 'node:http'
import { diskSpeed, sha256Speed } from '../limits.ts'
import { type Figure, median, pairedRatio, spread } from '../report.ts'
import { must } from '../seed.ts'
import { AUTHORIZATION, loopDelay, memoryOf, resetPeak, type ServerProcess, startServer } from '../server-process.ts'

const MIB = 1024 * 1024

export async function blobPush({ quick }: { quick: boolean }): Promise<Figure[]> {
  const server = await startServer()
  const figures: Figure[] = []
  try {
    const mebibytes = quick ? 64 : 256
    const rates: Record<'disk' | 'sha256' | 'oci' | 'native', number[]> = { disk: [], sha256: [], oci: [], native: [] }
    await loopDelay(server)
    for (let round = 0; round < (quick ? 3 : 5); round += 1) {
      rates.disk.push(await diskSpeed(server.folder, mebibytes))
      rates.sha256.push(sha256Speed(mebibytes))
      rates.oci.push(await pushOci(server, mebibytes, round * 2 + 1))
      rates.native.push(await pushNative(server, mebibytes, round * 2 + 2))
    }
    const delay = await loopDelay(server)
    const limits = rates.disk.map((disk, round) => Math.min(disk, rates.sha256[round]!))
    const limit = median(limits)
    const against = median(rates.disk) < median(rates.sha256) ? 'dd conv=fsync' : 'SHA-256 on one core'
    for (const [name, door] of [['/v2/', 'oci'] as const, ['native multipart', 'native'] as const]) {
      const value = median(rates[door])
      figures.push({
        name: `blob push ${mebibytes} MiB, ${name}`,
        value: value / MIB,
        unit: 'MiB/s',
        spread: spread(rates[door]),
        against,
        limit: limit / MIB,
        ratio: pairedRatio(rates[door], limits),
        target: 0.8,
      })
    }
    figures.push({ name: 'event loop, longest delay during these pushes', value: delay, unit: 'ms', atMost: 20 })
  } finally {
    await server.stop()
  }
  // On a fresh server, since memory that earlier pushes left would hide the growth; last, since disks remember 4 GiB.
  const fresh = await startServer()
  try {
    figures.push(await memoryFigure(fresh, quick ? 512 : 4096))
  } finally {
    await fresh.stop()
  }
  return figures
}

async function memoryFigure(server: ServerProcess, mebibytes: number): Promise<Figure> {
  await resetPeak(server.pid)
  const before = await memoryOf(server.pid)
  await pushOci(server, mebibytes, 99)
  const after = await memoryOf(server.pid)
  const growth = before && after ? (after.peak - before.now) / MIB : Number.NaN
  return { name: `peak memory growth while ${mebibytes} MiB go in`, value: growth, unit: 'MiB', atMost: 64 }
}

/** Different bytes for each seed, made from one random block so that making them costs nothing. */
function* blocks(mebibytes: number, seed: number): Generator<Buffer> {
  const block = Buffer.alloc(MIB)
  randomFillSync(block)
  block.writeUInt32LE(seed, 0)
  for (let n = 0; n < mebibytes; n += 1) yield block
}

/** Bytes a second of POST and PUT with the whole body, as oras sends it. */
async function pushOci(server: ServerProcess, mebibytes: number, seed: number): Promise<number> {
  const body = [...blocks(mebibytes, seed)]
  const hash = createHash('sha256')
  for (const block of body) hash.update(block)
  const digest = `sha256:${hash.digest('hex')}`
  const started = performance.now()
  const begun = await must(
    fetch(`${server.url}/v2/bench/push/blobs/uploads/`, { method: 'POST', headers: AUTHORIZATION }),
    202,
  )
  const location = new URL(begun.headers.get('location')!, server.url)
  location.searchParams.set('digest', digest)
  await send(
    location,
    'PUT',
    { 'Content-Type': 'application/octet-stream', 'Content-Length': String(mebibytes * MIB) },
    body,
  )
  return (mebibytes * MIB) / ((performance.now() - started) / 1_000)
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
