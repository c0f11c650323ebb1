/**
 * The reading connection of SQLite. All reads of one turn of the event loop share one read transaction: taking a
 * snapshot costs three system calls, as much as a look-up itself, and under load twenty requests are answered in a
 * turn. No snapshot outlives its turn, so none holds up a checkpoint (core-rules 3).
 */
import type Sqlite from 'better-sqlite3'
import type { Sql } from './sql.ts'

export interface TurnReader extends Sql {
  /** Changes whenever what is read may have changed, by whomever (core-rules 5). */
  version(): number
  /** Lets the next read see what was just committed in this turn. */
  endSnapshot(): void
  close(): void
}

export function turnReader(connection: Sqlite.Database, sql: Sql): TurnReader {
  const begin = connection.prepare('BEGIN')
  const commit = connection.prepare('COMMIT')
  const dataVersion = connection.prepare<[], number>('PRAGMA data_version').pluck()
  let isOpen = false
  let version = 0
  const endSnapshot = () => {
    if (!isOpen) return
    isOpen = false
    if (connection.inTransaction) commit.run()
  }
  const enterTurn = () => {
    if (isOpen) return
    begin.run()
    isOpen = true
    version = dataVersion.get() ?? 0
    setImmediate(endSnapshot)
  }
  return {
    all(statement, params) {
      enterTurn()
      return sql.all(statement, params)
    },
    get(statement, params) {
      enterTurn()
      return sql.get(statement, params)
    },
    run() {
      throw new TypeError('the reader does not write')
    },
    version() {
      enterTurn()
      return version
    },
    endSnapshot,
    close() {
      endSnapshot()
      connection.close()
    },
  }
}
