/** Both engines for `describe.each`: what holds on one holds on the other. */
import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { MIGRATIONS } from '../../migrations/index.ts'
import { type DatabaseLocation, migrate, VIEWS } from '../../src/registry/index.ts'
import { maintain } from './postgres-server.ts'

export interface TestDatabase {
  readonly engine: 'sqlite' | 'postgresql'
  /** A new, empty database; for SQLite a file in the folder. */
  create(folder: string): Promise<CreatedDatabase>
  /** The same with the schema in it; on PostgreSQL the copy of one that was migrated once, which is three times faster. */
  createMigrated(folder: string): Promise<CreatedDatabase>
}

export interface CreatedDatabase {
  readonly location: DatabaseLocation
  drop(): Promise<void>
}

export const DATABASES: readonly TestDatabase[] = [
  {
    engine: 'sqlite',
    create: async (folder) => inFolder(folder),
    async createMigrated(folder) {
      const created = inFolder(folder)
      await migrate({ location: created.location, migrations: MIGRATIONS, views: VIEWS })
      return created
    },
  },
  {
    engine: 'postgresql',
    create: () => onServer(''),
    createMigrated: async () => onServer(`TEMPLATE ${await migratedTemplate()}`),
  },
]

function inFolder(folder: string): CreatedDatabase {
  return { location: { kind: 'sqlite', path: `${folder}/registry.db` }, drop: async () => undefined }
}

async function onServer(options: string): Promise<CreatedDatabase> {
  const url = inject('postgresUrl')
  const name = `test_${randomBytes(6).toString('hex')}`
  await maintain(url, `CREATE DATABASE ${name} ${options}`)
  return {
    location: { kind: 'postgresql', url: urlOf(name) },
    drop: () => maintain(url, `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

function urlOf(name: string): string {
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  return url.href
}

let template: Promise<string> | undefined

/** One for each test process: what it is copied from must have no other connections. */
function migratedTemplate(): Promise<string> {
  template ??= (async () => {
    const name = `template_${process.pid}_${randomBytes(4).toString('hex')}`
    await maintain(inject('postgresUrl'), `CREATE DATABASE ${name}`)
    const location = { kind: 'postgresql', url: urlOf(name) } as const
    await migrate({ location, migrations: MIGRATIONS, views: VIEWS })
    return name
  })()
  return template
}
