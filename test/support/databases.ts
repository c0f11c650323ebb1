/** Both engines for `describe.each`: what holds on one holds on the other. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import type { DatabaseLocation } from '../../src/registry/index.ts'

export interface TestDatabase {
  readonly engine: 'sqlite' | 'postgresql'
  /** A new, empty database; for SQLite a file in the folder. */
  create(folder: string): Promise<{ location: DatabaseLocation; drop(): Promise<void> }>
}

export const DATABASES: readonly TestDatabase[] = [
  {
    engine: 'sqlite',
    create: async (folder) => ({
      location: { kind: 'sqlite', path: `${folder}/registry.db` },
      drop: async () => undefined,
    }),
  },
  {
    engine: 'postgresql',
    async create() {
      const url = inject('postgresUrl')
      const name = `test_${randomBytes(6).toString('hex')}`
      await maintain(url, `CREATE DATABASE ${name}`)
      const own = new URL(url)
      own.pathname = `/${name}`
      return {
        location: { kind: 'postgresql', url: own.href },
        drop: () => maintain(url, `DROP DATABASE ${name} WITH (FORCE)`),
      }
    },
  },
]

async function maintain(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
