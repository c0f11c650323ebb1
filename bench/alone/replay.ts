/** Replay of a mixed log on SQLite: events a second. */
import { join } from 'node:path'
import { MIGRATIONS } from '../../migrations/index.ts'
import {
  migrate,
  openDatabase,
  openRegistry,
  parseRelativePath,
  parseRepositoryName,
  parseTag,
  VIEWS,
} from '../../src/registry/index.ts'
import { openLocalStore } from '../../src/storage/local/index.ts'
import { removeFolder, temporaryFolder } from '../processes.ts'
import { blobOf, manifestOf } from '../push-client.ts'
import { inParallel } from '../seed.ts'
import type { Figure } from './figure.ts'

export async function replayEvents({ quick }: { quick: boolean }): Promise<Figure[]> {
  const folder = await temporaryFolder()
  const location = { kind: 'sqlite', path: join(folder, 'registry.db') } as const
  await migrate({ location, migrations: MIGRATIONS, views: VIEWS })
  // What is measured is the fold, not the filling: that may be relaxed.
  const database = await openDatabase(location, { durability: 'relaxed' })
  const store = await openLocalStore({ root: join(folder, 'storage'), durability: 'relaxed' })
  const registry = await openRegistry({
    database,
    backends: [{ id: 'local', ...store }],
    defaultBackend: 'local',
    version: 'bench',
  })
  const repository = parseRepositoryName('bench/replay')
  await inParallel(quick ? 500 : 5_000, 32, async (n) => {
    const draft = {
      name: `replay-${n % 20}`,
      producer: 'bench',
      subject: 'bench',
      retentionClass: 'transient',
      actor: 'bench',
    }
    const { package: made } = await registry.packages.create({ ...draft, metadata: { run: n, result: 'passed' } })
    for (const path of ['a.txt', 'b.txt']) {
      const file = { path: parseRelativePath(path), mediaType: 'text/plain', actor: 'bench' }
      await registry.packages.addFile(made.id, file, once(Buffer.from(`${path} ${n}`)))
    }
    await registry.packages.finalize(made.id, { actor: 'bench' })
    const bytes = manifestOf({ config: blobOf(Buffer.from('{}')), layers: [blobOf(Buffer.from(`${n}`))], note: `${n}` })
    const reference = { tag: parseTag(`v${n % 100}`) }
    await registry.manifests.put({ repository, reference, bytes, actor: 'bench' })
  })
  const started = performance.now()
  const { events } = await registry.replay()
  const seconds = (performance.now() - started) / 1_000
  await registry.dispose()
  await removeFolder(folder)
  return [
    { name: `replay of ${events} mixed events, SQLite`, value: events / seconds, unit: 'events/s', atLeast: 20_000 },
  ]
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
