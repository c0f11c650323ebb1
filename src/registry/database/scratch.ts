/** A SQLite database for one computation, in a folder of its own: nothing in it is worth a sync or a rollback. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Sql } from './sql.ts'
import { statements } from './sqlite.ts'

/** Gives `work` an empty database and removes it afterwards. */
export async function withScratchDatabase<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-scratch-'))
  const connection = new Sqlite(join(folder, 'scratch.db'))
  try {
    connection.pragma('journal_mode = OFF')
    connection.pragma('synchronous = OFF')
    return await work(statements(connection))
  } finally {
    connection.close()
    await rm(folder, { recursive: true, force: true })
  }
}
