/** 10 MiB blob GET against bare node:http piping the same file. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startBare } from '../bare-process.ts'
import { load } from '../load.ts'
import { type Figure, median, pairedRatio, spread } from '../report.ts'
import { pushBlob } from '../seed.ts'
import { AUTHORIZATION, startServer } from '../server-process.ts'

const MIB = 1024 * 1024

export async function blobGet({ quick }: { quick: boolean }): Promise<Figure[]> {
  const server = await startServer()
  const bytes = randomBytes(10 * MIB)
  const rates: Record<'bare' | 'ours', number[]> = { bare: [], ours: [] }
  try {
    const digest = await pushBlob(server, 'bench/get', bytes)
    const file = join(server.folder, 'same.bin')
    await writeFile(file, bytes)
    const bare = await startBare('file', file, String(bytes.length))
    const options = { seconds: quick ? 1 : 2, connections: 4, headers: AUTHORIZATION }
    for (let round = 0; round < (quick ? 5 : 9); round += 1) {
      rates.bare.push((await load(bare.url, options)).bytesPerSecond)
      rates.ours.push((await load(`${server.url}/v2/bench/get/blobs/${digest}`, options)).bytesPerSecond)
    }
    bare.stop()
  } finally {
    await server.stop()
  }
  const [value, limit] = [median(rates.ours), median(rates.bare)]
  return [
    {
      name: 'blob GET 10 MiB',
      value: value / MIB,
      unit: 'MiB/s',
      spread: spread(rates.ours),
      against: 'bare node:http piping the same file',
      limit: limit / MIB,
      ratio: pairedRatio(rates.ours, rates.bare),
      target: 0.9,
    },
  ]
}
