/** A real registry in a folder of its own: SQLite or PostgreSQL, the local store, a clock and ids that the test moves. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MIGRATIONS } from '../../migrations/index.ts'
import {
  type Backend,
  type DatabaseLocation,
  migrate,
  type OpenedRegistry,
  openDatabase,
  openRegistry,
  type RegistryDependencies,
  VIEWS,
} from '../../src/registry/index.ts'
import { openLocalStore } from '../../src/storage/local/index.ts'

export interface TestRegistry {
  readonly registry: OpenedRegistry
  readonly folder: string
  readonly location: DatabaseLocation
  /** Closes and opens it again over the same database and store. */
  reopen(): Promise<TestRegistry>
  close(): Promise<void>
}

export interface TestRegistryOptions {
  /** Absent: a SQLite file in the folder. */
  readonly location?: DatabaseLocation
  readonly folder?: string
  /** The database has its schema already. */
  readonly isMigrated?: boolean
  readonly dependencies?: Partial<RegistryDependencies>
  /** Of the database and the store. Default durable. */
  readonly durability?: 'durable' | 'relaxed'
}

export async function openTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'artifactstore-test-')))
  const durability = options.durability ?? 'durable'
  const location = options.location ?? { kind: 'sqlite' as const, path: join(folder, 'registry.db') }
  if (!options.isMigrated) await migrate({ location, migrations: MIGRATIONS, views: VIEWS })
  const local: Backend = {
    id: 'local',
    ...(await openLocalStore({ root: join(folder, 'storage'), durability })),
  }
  const registry = await openRegistry({
    database: await openDatabase(location, { durability }),
    backends: [local],
    defaultBackend: 'local',
    version: '0.0.0-test',
    soleServer: true,
    ...options.dependencies,
  })
  return {
    registry,
    folder,
    location,
    async reopen() {
      await registry.dispose()
      return openTestRegistry({ ...options, folder, location })
    },
    async close() {
      await registry.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
