/** The engine that a location names, opened. */
import type { DatabaseLocation } from './migrate.ts'
import type { Database } from './sql.ts'
import { openSqlite } from './sqlite.ts'

export async function openDatabase(
  location: DatabaseLocation,
  options: {
    durability: 'durable' | 'relaxed'
    /** Connections at most, where the engine has connections. */
    poolSize?: number
  },
): Promise<Database> {
  switch (location.kind) {
    case 'sqlite':
      return openSqlite({ path: location.path, ...options })
    case 'postgresql': {
      const { openPostgres } = await import('./postgres.ts')
      return openPostgres({ url: location.url, ...options })
    }
  }
}
