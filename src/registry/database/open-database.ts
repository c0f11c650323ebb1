/** The engine that a location names, opened. */
import type { DatabaseLocation } from './migrate.ts'
import { openPostgres } from './postgres.ts'
import type { Database } from './sql.ts'
import { openSqlite } from './sqlite.ts'

export function openDatabase(
  location: DatabaseLocation,
  options: { durability: 'durable' | 'relaxed' },
): Promise<Database> {
  switch (location.kind) {
    case 'sqlite':
      return openSqlite({ path: location.path, ...options })
    case 'postgresql':
      return openPostgres({ url: location.url, ...options })
  }
}
