/** kill -9 at every write point of the local store: what was promised is there, and nothing is there by half. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digestWith, FAILPOINTS } from '../../../src/storage/index.ts'
import { openLocalStore } from '../../../src/storage/local/index.ts'
import { addressOf, bytesOf, contentOf, readAll, toArray } from '../../support/bytes.ts'
import { type LocalRoot, makeLocalRoot } from './local-root.ts'

const CHILD = fileURLToPath(new URL('child-writer.ts', import.meta.url))
const POINTS = FAILPOINTS.filter((name) => name.startsWith('upload.') || name.startsWith('blob.'))

interface Promised {
  readonly blob?: number
  readonly id?: string
  readonly seed?: number
  readonly size?: number
}

async function runUntilKilled(
  root: string,
  failpoints: string,
  kind: string,
): Promise<{ signal: string | null; said: Promised[] }> {
  const child = spawn(process.execPath, [CHILD, root, failpoints, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  const lines = (await text(child.stdout)).split('\n').filter(Boolean)
  return { signal: await ended, said: lines.map((line) => JSON.parse(line) as Promised) }
}

describe('after kill -9', () => {
  let place: LocalRoot
  beforeEach(async () => {
    place = await makeLocalRoot()
  })
  afterEach(() => place.remove())

  const cases = POINTS.flatMap((point) => [1, 2].map((pass) => `${point}=kill@${pass}`)).flatMap((failpoints) =>
    failpoints.startsWith('upload.')
      ? [[failpoints, 'uploads'] as const, [failpoints, 'received'] as const]
      : [[failpoints, 'uploads'] as const],
  )
  it.each(cases)('at %s among %s everything promised is there and nothing by half', async (failpoints, kind) => {
    const { signal, said } = await runUntilKilled(place.root, failpoints, kind)
    expect(signal).toBe('SIGKILL')
    const { blobs, uploads } = await openLocalStore({ root: place.root, durability: 'durable' })
    expect(await place.leftovers()).toEqual([])
    const stored = await toArray(blobs.list())
    for (const { digest, size } of stored) {
      const bytes = await readAll(await blobs.open(digest))
      expect(bytes.length).toBe(size)
      expect(digestWith('blake3', bytes)).toBe(digest)
    }
    const digests = new Set(stored.map((blob) => blob.digest))
    for (const { blob } of said) if (blob) expect(digests).toContain(addressOf(bytesOf(300_000, blob)))
    for (const { id, seed, size } of said.filter((promise) => promise.size)) {
      const body = bytesOf(300_000, seed)
      if (digests.has(addressOf(body))) continue
      const received = await readAll(await uploads.read(id!))
      expect(received.length).toBeGreaterThanOrEqual(size!)
      expect(received.equals(body.subarray(0, received.length))).toBe(true)
    }
    await resumeEverything(said, { blobs, uploads })
  })
})

/** What a client does after the restart: goes on from the offset that it was told, whatever more the file holds. */
async function resumeEverything(
  said: readonly Promised[],
  { blobs, uploads }: Awaited<ReturnType<typeof openLocalStore>>,
): Promise<void> {
  for (const { id, seed, size } of said.filter((promise) => promise.size)) {
    const body = bytesOf(300_000, seed)
    if (!(await uploads.size(id!))) continue
    await uploads.append(id!, size!, contentOf(body.subarray(size!)))
    await uploads.commit(id!, addressOf(body), body.length)
    expect((await readAll(await blobs.open(addressOf(body)))).equals(body)).toBe(true)
  }
}
