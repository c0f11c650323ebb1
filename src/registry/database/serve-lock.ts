/**
 * Keeps a second server off a database or storage root that one already serves (core-rules 5). Node has no flock, so
 * the lock is a transaction held open on a SQLite file of its own: the operating system drops it when the process ends,
 * however it ends. RESERVED, not EXCLUSIVE, so that the one who is refused can still read who holds it, and so that the
 * server's other processes can hold it with it.
 */
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { RegistryError } from '../errors.ts'
import { isBusy } from './sqlite.ts'

export interface ServeLock {
  release(): void
}

/** How long a new server waits for processes of one that was killed, which end by themselves. */
const MEMBERS_MS = 5_000

/** Throws `unavailable`, naming the process that holds the lock. `what` names the thing in that sentence. */
export function takeServeLock(lockFile: string, what: string): ServeLock {
  mkdirSync(dirname(lockFile), { recursive: true })
  const connection = new Sqlite(lockFile, { timeout: 0 })
  try {
    hold(connection)
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK')
    const holder = isBusy(error) ? readHolder(connection) : undefined
    connection.close()
    if (!isBusy(error)) throw error
    throw new RegistryError(
      'unavailable',
      `${what} is already served by ${holder ?? 'another process'}: stop that server first, or configure another database and storage root`,
      { holder: holder ?? null },
      { cause: error },
    )
  }
  return { release: () => connection.close() }
}

/**
 * For a further process of the server that holds the lock: nobody takes it while this process lives, also when the
 * holder is gone. It is a read transaction, and to take the lock the holder's name must be written.
 */
export function joinServeLock(lockFile: string): ServeLock {
  const connection = new Sqlite(lockFile, { readonly: true, timeout: MEMBERS_MS })
  connection.exec('BEGIN')
  readHolder(connection)
  return { release: () => connection.close() }
}

function hold(connection: Sqlite.Database): void {
  const me = `process ${process.pid} on ${hostname()}`
  for (let isWritten = false; ; isWritten = true) {
    connection.exec('BEGIN IMMEDIATE')
    connection.exec('CREATE TABLE IF NOT EXISTS holder (name TEXT NOT NULL)')
    const row = connection.prepare('SELECT name FROM holder').get() as { name: string } | undefined
    if (isWritten && row?.name === me) return
    connection.exec('DELETE FROM holder')
    connection.prepare('INSERT INTO holder VALUES (?)').run(me)
    // Committed, so that others can read it; then taken again. Whoever slips in between wins, and the loop sees it.
    connection.pragma(`busy_timeout = ${MEMBERS_MS}`)
    connection.exec('COMMIT')
    connection.pragma('busy_timeout = 0')
  }
}

function readHolder(connection: Sqlite.Database): string | undefined {
  const row = connection.prepare('SELECT name FROM holder').get() as { name: string } | undefined
  return row?.name
}
