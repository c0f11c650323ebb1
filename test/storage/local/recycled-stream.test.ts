import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RecycledStream } from '../../../src/storage/local/recycled-stream.ts'
import { bytesOf, readAll } from '../../support/bytes.ts'

const BYTES = bytesOf(1_000_000)
let folder: string
const fileOf = () => open(join(folder, 'f'))
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recycled-'))
  writeFileSync(join(folder, 'f'), BYTES)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a stream that is left half-way closes its file', async () => {
  const file = await fileOf()
  const stream = new RecycledStream(file, { first: 0, last: BYTES.length - 1 })
  for await (const _ of stream) break
  await expect.poll(() => file.fd).toBe(-1)
})

test('a file that became shorter ends early, and one that cannot be read fails', async () => {
  const short = new RecycledStream(await fileOf(), { first: 0, last: BYTES.length + 99 })
  expect((await readAll(short)).equals(BYTES)).toBe(true)
  const closed = await fileOf()
  await closed.close()
  await expect(readAll(new RecycledStream(closed, { first: 0, last: 9 }))).rejects.toThrow()
})

test('what the consumer keeps is never overwritten', async () => {
  const chunks: Uint8Array[] = []
  for (let n = 0; n < 3; n++) {
    for await (const chunk of new RecycledStream(await fileOf(), { first: 0, last: BYTES.length - 1 }))
      chunks.push(chunk)
  }
  expect(Buffer.concat(chunks).equals(Buffer.concat([BYTES, BYTES, BYTES]))).toBe(true)
})

test('memory that is handed back serves later reads, of any stream', async () => {
  const memory = new Set<unknown>()
  for (let n = 0; n < 5; n++) {
    const stream = new RecycledStream(await fileOf(), { first: 10, last: BYTES.length - 1 })
    let at = 10
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      expect(chunk.equals(BYTES.subarray(at, at + chunk.length))).toBe(true)
      at += chunk.length
      memory.add(chunk.buffer)
      stream.recycle(chunk)
      stream.recycle(chunk)
    }
    expect(at).toBe(BYTES.length)
  }
  expect(memory.size).toBeLessThan(10)
})
