/**
 * A new database for each combination. PostgreSQL is the server that ARTIFACTSTORE_TEST_DATABASE_URL names, as for the tests, or
 * one from npm's binaries, started when the first combination asks for it.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { command } from '../test/cli/server-process.ts'
import { maintain, type PostgresServer, startPostgres } from '../test/support/postgres-server.ts'
import type { Engine } from './combinations.ts'

export interface Database {
  /** ARTIFACTSTORE_DATABASE_URL; the schema is there. */
  readonly url: string
  drop(): Promise<void>
}

export class Databases {
  readonly #given: string | undefined
  #server: PostgresServer | undefined

  constructor(given: string | undefined) {
    this.#given = given
  }

  /** For SQLite a file in `folder`. */
  async create(engine: Engine, folder: string): Promise<Database> {
    if (engine === 'sqlite') return { url: `sqlite:///${join(folder, 'registry.db')}`, drop: async () => undefined }
    const maintenance = this.#given ?? (await this.#started())
    const name = `conformance_${randomBytes(6).toString('hex')}`
    await maintain(maintenance, `CREATE DATABASE ${name}`)
    const url = new URL(maintenance)
    url.pathname = `/${name}`
    const database = { url: url.href, drop: () => maintain(maintenance, `DROP DATABASE ${name} WITH (FORCE)`) }
    try {
      await migrate(url.href, folder)
    } catch (error) {
      await database.drop()
      throw error
    }
    return database
  }

  async close(): Promise<void> {
    await this.#server?.stop()
  }

  async #started(): Promise<string> {
    this.#server ??= await startPostgres()
    return this.#server.url
  }
}

/** As an operator does it: a server refuses to change a PostgreSQL schema by itself. */
async function migrate(url: string, folder: string): Promise<void> {
  const env = { PATH: process.env.PATH ?? '', HOME: folder, ARTIFACTSTORE_DATABASE_URL: url }
  const { code, stdout, stderr } = await command(['migrate'], { cwd: folder, env })
  if (code !== 0) throw new Error(`artifactstore migrate ended with ${code}: ${stderr}${stdout}`)
}
