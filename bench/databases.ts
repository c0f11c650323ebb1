/** The engines that a workload is run on, each empty, with the settings that point a server at it. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MIGRATIONS } from '../migrations/index.ts'
import { type DatabaseLocation, migrate, VIEWS } from '../src/registry/index.ts'
import { type PostgresServer, startPostgres } from '../test/support/postgres-server.ts'
import { removeFolder, startChild, temporaryFolder } from './processes.ts'

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
  const folder = await temporaryFolder()
  const postgres = engine === 'PostgreSQL' ? await postgresServer() : undefined
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
      await removeFolder(folder)
    },
  }
}

async function postgresServer(): Promise<PostgresServer> {
  return startPostgres({
    // Not below BENCH_FOLDER, which the user that PostgreSQL runs as may not enter.
    folder: await temporaryFolder('artifactstore-postgres-', tmpdir()),
    start(command, args, identity) {
      // SIGTERM would wait for the clients, of which the benchmark is one.
      const child = startChild(command, args, { ...identity, stdio: 'ignore', endSignal: 'SIGINT' })
      // Its own stop() awaits its end.
      child.ref()
      return child
    },
  })
}
