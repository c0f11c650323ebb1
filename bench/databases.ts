/** The engines that a workload is run on, each empty, with the settings that point a server at it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MIGRATIONS } from '../migrations/index.ts'
import { type DatabaseLocation, migrate, VIEWS } from '../src/registry/index.ts'
import { startPostgres } from '../test/support/postgres-server.ts'

export const ENGINES = ['SQLite', 'PostgreSQL'] as const
export type Engine = (typeof ENGINES)[number]

export interface BenchDatabase {
  readonly location: DatabaseLocation
  /** Where a server on it keeps everything else. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** With its tables. PostgreSQL runs without fsync, which reading does not notice. */
export async function emptyDatabase(engine: Engine): Promise<BenchDatabase> {
  const folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'artifactstore-bench-'))
  const removed = () => rm(folder, { recursive: true, force: true })
  const postgres = engine === 'PostgreSQL' ? await startPostgres() : undefined
  const location: DatabaseLocation = postgres
    ? { kind: 'postgresql', url: postgres.url }
    : { kind: 'sqlite', path: join(folder, 'registry.db') }
  await migrate({ location, migrations: MIGRATIONS, views: VIEWS })
  const url = location.kind === 'postgresql' ? location.url : `sqlite:///${location.path}`
  return {
    location,
    folder,
    env: { ARTIFACTSTORE_DATABASE_URL: url },
    async stop() {
      await postgres?.stop()
      await removed()
    },
  }
}
