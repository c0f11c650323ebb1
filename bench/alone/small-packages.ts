/** Small durable packages (create, one 1 KiB file, finalize) from many clients at once, and what bounds them. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { MIGRATIONS } from '../../migrations/index.ts'
import { migrate, openDatabase, openRegistry, parseRelativePath, VIEWS } from '../../src/registry/index.ts'
import { openLocalStore } from '../../src/storage/local/index.ts'
import { removeFolder, temporaryFolder } from '../processes.ts'
import { inParallel } from '../seed.ts'
import type { Figure } from './figure.ts'

export async function smallPackages({ quick }: { quick: boolean }): Promise<Figure[]> {
  const folder = await temporaryFolder()
  const location = { kind: 'sqlite', path: join(folder, 'registry.db') } as const
  await migrate({ location, migrations: MIGRATIONS, views: VIEWS })
  const opened = await openDatabase(location, { durability: 'durable' })
  const counted = { flushes: 0, commits: 0 }
  const database = {
    ...opened,
    flush: () => {
      counted.flushes += 1
      return opened.flush()
    },
    writer: {
      ...opened.writer,
      commit: () => {
        counted.commits += 1
        return opened.writer.commit()
      },
    },
  }
  const store = await openLocalStore({ root: join(folder, 'storage'), durability: 'durable' })
  const registry = await openRegistry({
    database,
    backends: [{ id: 'local', ...store }],
    defaultBackend: 'local',
    version: 'bench',
  })
  const count = quick ? 500 : 3_000
  const started = performance.now()
  await inParallel(count, 32, async (n) => {
    const draft = {
      name: `small-${n % 50}`,
      producer: 'bench',
      subject: 'bench',
      retentionClass: 'transient',
      actor: 'bench',
    }
    const { package: made } = await registry.packages.create(draft)
    const file = { path: parseRelativePath('a.bin'), mediaType: 'application/octet-stream', actor: 'bench' }
    await registry.packages.addFile(made.id, file, once(randomBytes(1024)))
    await registry.packages.finalize(made.id, { actor: 'bench' })
  })
  const seconds = (performance.now() - started) / 1_000
  await registry.dispose()
  await removeFolder(folder)
  return [
    { name: 'small durable packages, 32 clients', value: count / seconds, unit: 'packages/s' },
    { name: '… blobs made durable (a file and a manifest each)', value: (2 * count) / seconds, unit: 'blobs/s' },
    { name: '… transactions', value: (3 * count) / seconds, unit: 'decisions/s' },
    { name: '… commits shared by them', value: counted.commits / seconds, unit: 'commits/s' },
    { name: '… log flushes shared by them', value: counted.flushes / seconds, unit: 'flushes/s' },
  ]
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
