/**
 * One migration at a time, also among processes that start together. knex's own lock is a row that a killed process
 * leaves behind for ever; this one belongs to the engine and ends with its holder.
 */
import { createRequire } from 'node:module'
import type { DatabaseLocation } from './migrate.ts'
import { openSqliteLock } from './sqlite.ts'

// Loaded for PostgreSQL only: 25 ms and 6 MiB of a server that has none.
const require = createRequire(import.meta.url)

/** Advisory locks are numbers, one space for each database; this one is ours by being written here. */
const ADVISORY_LOCK = 7_305_116_211

export async function withMigrationLock<T>(location: DatabaseLocation, work: () => Promise<T>): Promise<T> {
  const release = location.kind === 'sqlite' ? await lockSqlite(location.path) : await lockPostgres(location.url)
  try {
    return await work()
  } finally {
    await release()
  }
}

/** On a file of its own: a transaction on the database itself would keep the migration out too. */
async function lockSqlite(path: string): Promise<() => Promise<void>> {
  const lock = await openSqliteLock(`${path}.migrate-lock`)
  return async () => lock.close()
}

async function lockPostgres(url: string): Promise<() => Promise<void>> {
  const pg = require('pg') as typeof import('pg')
  const client = new pg.Client({ connectionString: url, application_name: 'artifactstore migrate' })
  // A connection that breaks fails the migration itself; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK])
  } catch (error) {
    await client.end()
    throw error
  }
  return () => client.end()
}
