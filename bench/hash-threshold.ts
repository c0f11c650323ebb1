/**
 * Where hashing should leave the event loop, and what one large body costs from end to end. Prints tables, asserts
 * nothing. The constants INLINE_BYTES, SEGMENT_BYTES, WRITE_BYTES and FLUSH_BYTES of src/storage come from here.
 *
 *     node bench/hash-threshold.ts [--quick] [--memory] [folder on the disk to measure]
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { closeHashWorkers, createMultiHash, digestBytes, hashContent } from '../src/storage/index.ts'
import { openLocalStore } from '../src/storage/local/index.ts'
import { ThreadedHash } from '../src/storage/threaded-hash.ts'

const MiB = 1024 * 1024
const quick = process.argv.includes('--quick')
const folder = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? tmpdir()

/** What a socket would bring: fresh memory each time, as the HTTP parser allocates it. */
async function* body(size: number, chunk = 64 * 1024): AsyncGenerator<Uint8Array> {
  const pattern = randomBytes(chunk)
  for (let sent = 0; sent < size; sent += chunk) {
    yield Buffer.from(pattern.subarray(0, Math.min(chunk, size - sent)))
    // A socket gives other callers a turn between two reads.
    if ((sent / chunk) % 16 === 15) await new Promise(setImmediate)
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

async function thresholdTable(): Promise<void> {
  const rows = []
  for (const kib of [4, 16, 64, 128, 256, 512, 1024, 4096]) {
    const bytes = randomBytes(kib * 1024)
    const inline: number[] = []
    const threaded: number[] = []
    const busy: number[] = []
    for (let round = 0; round < (quick ? 20 : 100); round++) {
      const t0 = performance.now()
      digestBytes(bytes)
      inline.push(performance.now() - t0)
      const loop = performance.eventLoopUtilization()
      const t1 = performance.now()
      const hash = new ThreadedHash(['sha256', 'blake3'])
      for (let at = 0; at < bytes.length; at += 64 * 1024) await hash.update(bytes.subarray(at, at + 64 * 1024))
      await hash.finish()
      threaded.push(performance.now() - t1)
      busy.push(performance.eventLoopUtilization(loop).active)
    }
    rows.push({
      KiB: kib,
      'inline: loop stands still, ms': median(inline).toFixed(3),
      'threads: until the digest, ms': median(threaded).toFixed(3),
      'threads: loop busy, ms': median(busy).toFixed(3),
    })
  }
  console.table(rows)
}

function ddRate(path: string, mib: number): number {
  const started = performance.now()
  const run = spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=1M', `count=${mib}`, 'conv=fsync'])
  if (run.status !== 0) throw new Error(String(run.stderr))
  return mib / ((performance.now() - started) / 1000)
}

function sha256Rate(mib: number): number {
  const bytes = Buffer.alloc(MiB, 7)
  const hash = createHash('sha256')
  const started = performance.now()
  for (let n = 0; n < mib; n++) hash.update(bytes)
  hash.digest()
  return mib / ((performance.now() - started) / 1000)
}

async function storeRate(root: string, mib: number): Promise<{ rate: number; delay: number }> {
  const { uploads } = await openLocalStore({ root, durability: 'durable' })
  const id = `bench-${randomBytes(4).toString('hex')}`
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const started = performance.now()
  const hash = createMultiHash()
  await uploads.create(id)
  await uploads.append(id, 0, hashContent(body(mib * MiB), hash), { ends: true })
  const digests = await hash.finish()
  await uploads.commit(id, digests.blake3, digests.size)
  const seconds = (performance.now() - started) / 1000
  delay.disable()
  return { rate: mib / seconds, delay: delay.max / 1e6 }
}

async function throughputTable(root: string): Promise<void> {
  const rows = []
  for (let round = 0; round < (quick ? 3 : 7); round++) {
    const dd = ddRate(join(root, 'dd'), 256)
    await rm(join(root, 'dd'))
    const sha = sha256Rate(256)
    const { rate, delay } = await storeRate(root, 256)
    await rm(join(root, 'blake3'), { recursive: true })
    rows.push({
      'dd conv=fsync, MiB/s': Math.round(dd),
      'sha256 on one core, MiB/s': Math.round(sha),
      'hash and store, MiB/s': Math.round(rate),
      'of the lower limit': (rate / Math.min(dd, sha)).toFixed(2),
      'longest loop delay, ms': delay.toFixed(1),
    })
  }
  console.table(rows)
}

/** In a process of its own, so that what the other tables left behind is not counted. */
async function memoryTable(root: string): Promise<void> {
  const started = process.memoryUsage.rss()
  const rows = []
  for (const mib of quick ? [256, 1024] : [256, 4096]) {
    const before = process.memoryUsage.rss()
    let peak = before
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss())
    }, 10)
    const { rate, delay } = await storeRate(root, mib)
    clearInterval(timer)
    rows.push({
      MiB: mib,
      'MiB/s': Math.round(rate),
      'RSS before, MiB': Math.round(before / MiB),
      'growth at the peak, MiB': Math.round((peak - before) / MiB),
      'growth since the start, MiB': Math.round((peak - started) / MiB),
      'longest loop delay, ms': delay.toFixed(1),
    })
  }
  console.table(rows)
}

const root = await mkdtemp(join(folder, 'hash-threshold-'))
try {
  if (process.argv.includes('--memory')) await memoryTable(root)
  else {
    await thresholdTable()
    await throughputTable(root)
    spawnSync(process.execPath, [import.meta.filename, '--memory', ...process.argv.slice(2)], { stdio: 'inherit' })
  }
} finally {
  await closeHashWorkers()
  await rm(root, { recursive: true, force: true })
}
