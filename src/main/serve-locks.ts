/** Two servers on one SQLite file, or on one root beside it, would break each other's promises (core-rules 5). */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { joinServeLock, type ServeLock, takeServeLock } from '../registry/index.ts'

/** Throws `unavailable` when another server holds the database or the root. PostgreSQL may have several servers. */
export function takeServeLocks(config: Config): readonly ServeLock[] {
  return lockEach(config, takeServeLock)
}

/** For a worker of the process that took them. */
export function joinServeLocks(config: Config): readonly ServeLock[] {
  return lockEach(config, joinServeLock)
}

export function releaseAll(locks: readonly ServeLock[]): void {
  for (const lock of locks) lock.release()
}

function lockEach({ database, storage }: Config, lock: (file: string, what: string) => ServeLock): ServeLock[] {
  if (database.kind !== 'sqlite') return []
  const ofDatabase = lock(`${database.path}.serve-lock`, `The database ${database.path}`)
  try {
    return [ofDatabase, lock(join(storage.root, '.serve-lock'), `The storage root ${storage.root}`)]
  } catch (error) {
    ofDatabase.release()
    throw error
  }
}
