/** kill -9 at every write point: what was acknowledged is there byte for byte, and what was not leaves nothing behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  type DatabaseLocation,
  decodeManifest,
  isRegistryError,
  type OpenedRegistry,
  openDatabase,
} from '../../src/registry/index.ts'
import { type Digest, digestWith, FAILPOINTS } from '../../src/storage/index.ts'
import { contentOf } from '../support/bytes.ts'
import { DATABASES, type TestDatabase } from '../support/databases.ts'
import { openTestRegistry } from '../support/open-test-registry.ts'
import { bodyOf, FLOW_REPOSITORY, imageOfSeed, pushFlow, type Said } from '../support/push-flow.ts'
import { ACTOR, blobPath, expectSound, readBlob, readFileBytes, sha256Of, tagOf } from '../support/registry-steps.ts'

const CHILD = fileURLToPath(new URL('../support/child-push-flow.ts', import.meta.url))
const DAYS = 2 * 24 * 3_600_000

/** Which passes: the recorder is passed by every step of the flow, so different passes kill different steps. */
const PASSES = (point: string): readonly number[] => {
  if (point.startsWith('record.')) return [2, 7]
  return [1, 3].slice(0, point.startsWith('upload.') ? 2 : 1)
}
const TABLE = FAILPOINTS.flatMap((point) => PASSES(point).map((pass) => `${point}=kill@${pass}`))
/** PostgreSQL keeps its own promises over the death of a client: what is ours is the order around its COMMIT. */
const AROUND_COMMIT = ['record.before-commit=kill@5', 'record.after-commit=kill@5', 'upload.after-commit=kill@1']

async function pushUntilKilled(folder: string, location: DatabaseLocation, failpoints: string): Promise<Said[]> {
  const args = [CHILD, folder, JSON.stringify(location), failpoints]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const lines = (await text(child.stdout)).split('\n').filter(Boolean)
  expect((await exit)[1]).toBe('SIGKILL')
  return lines.map((line) => JSON.parse(line) as Said)
}

async function expectFile(registry: OpenedRegistry, id: string, seed: number): Promise<void> {
  expect((await readFileBytes({ registry }, id)).equals(bodyOf(seed))).toBe(true)
}

/** Goes on where the client was told that it is; an upload that is over must have become what it was for. */
async function resume(registry: OpenedRegistry, said: Extract<Said, { what: 'upload' }>): Promise<void> {
  const { id, seed, size, forFile } = said
  const key = forFile ? { id, actor: ACTOR } : { id, repository: FLOW_REPOSITORY, actor: ACTOR }
  const bytes = bodyOf(seed)
  const status = await registry.uploads.status(key).catch((error) => {
    if (isRegistryError(error, 'upload-unknown')) return undefined
    throw error
  })
  if (status === undefined) {
    if (!forFile) expect((await readBlob({ registry }, FLOW_REPOSITORY, sha256Of(bytes))).equals(bytes)).toBe(true)
    return
  }
  expect(status.size).toBeGreaterThanOrEqual(size)
  if (forFile) return registry.uploads.cancel(key)
  const last = { content: contentOf(bytes.subarray(status.size)), at: status.size }
  await registry.uploads.complete(key, sha256Of(bytes), last)
  expect((await readBlob({ registry }, FLOW_REPOSITORY, sha256Of(bytes))).equals(bytes)).toBe(true)
}

async function expectSaid(registry: OpenedRegistry, said: Said): Promise<void> {
  switch (said.what) {
    case 'upload':
      return resume(registry, said)
    case 'blob':
      expect((await readBlob({ registry }, FLOW_REPOSITORY, said.digest as Digest)).equals(bodyOf(said.seed))).toBe(
        true,
      )
      return
    case 'draft':
      expect(['created', 'finalized']).toContain((await registry.packages.get(said.id)).status)
      return
    case 'file':
      return expectFile(registry, said.id, said.seed)
    case 'finalized': {
      const done = await registry.packages.get(said.id)
      expect(done).toMatchObject({
        status: 'finalized',
        manifestDigest: said.digest,
        oci: { digest: said.face, tags: [said.id] },
      })
      const { bytes } = await registry.packages.manifest(said.id)
      expect(digestWith('blake3', bytes)).toBe(said.digest)
      expect(decodeManifest(bytes).files).toHaveLength(2)
      return
    }
    case 'manifest': {
      const manifest = await registry.manifests.get(FLOW_REPOSITORY, { tag: tagOf(said.tag) })
      expect([manifest.digest, Buffer.from(manifest.bytes)]).toEqual([said.digest, imageOfSeed(said.seed)])
      return
    }
    case 'ref':
      expect(Buffer.from((await registry.refs.get(said.ref)).data).equals(bodyOf(said.seed))).toBe(true)
  }
}

async function leftovers(folder: string): Promise<string[]> {
  const storage = join(folder, 'storage')
  return (await Promise.all(['uploads', 'tmp', 'quarantine'].map((name) => readdir(join(storage, name))))).flat()
}

async function killAndLook(engine: TestDatabase, failpoints: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-kill-'))
  const { location, drop } = await engine.createMigrated(folder)
  try {
    const said = await pushUntilKilled(folder, location, failpoints)
    let now = Date.now()
    const { registry } = await openTestRegistry({ folder, location, dependencies: { clock: () => now } })
    const database = await openDatabase(location, { durability: 'relaxed' })
    const store = { registry, database, blobPath: (blake3: string) => blobPath(join(folder, 'storage'), blake3) }
    await expectSound(store)
    for (const one of said) await expectSaid(registry, one)
    await pushFlow(registry, 4, () => undefined)
    now += DAYS
    await registry.confirmClock()
    await registry.sweepUploads()
    expect(await leftovers(folder)).toEqual([])
    expect(await database.reader.all('SELECT upload_id FROM uploads')).toEqual([])
    await expectSound(store)
    expect((await registry.replay()).changedRows).toBe(0)
    await database.close()
    await registry.dispose()
  } finally {
    await drop()
    await rm(folder, { recursive: true, force: true })
  }
}

describe('after kill -9', () => {
  const [sqlite, postgres] = DATABASES as [TestDatabase, TestDatabase]

  it.concurrent.each(TABLE)('at %s everything acknowledged is there, and nothing else stays', (failpoints) =>
    killAndLook(sqlite, failpoints),
  )
  it.concurrent.each(AROUND_COMMIT)('at %s, with PostgreSQL, everything acknowledged is there', (failpoints) =>
    killAndLook(postgres, failpoints),
  )

  it('every write point has been killed', () => {
    for (const point of FAILPOINTS) expect(TABLE.some((entry) => entry.startsWith(`${point}=`))).toBe(true)
  })
})
