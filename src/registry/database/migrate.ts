/**
 * Brings a database to this version's schema: migrations through knex from our own source (names without extension,
 * so that `.ts` and `.js` are the same migration), then the views' tables. Says in one sentence when a server must not
 * start on what it finds.
 */
import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { RegistryError } from '../errors.ts'
import { CHAIN_START } from '../events/event-log.ts'
import type { View } from '../views/index.ts'
import { withMigrationLock } from './migration-lock.ts'
import { createTable, type DatabaseTraits, POSTGRESQL_TRAITS, SQLITE_TRAITS } from './sql.ts'
import { connect, isBusy, statements } from './sqlite.ts'

export interface Migration {
  /** Timestamp and verb phrase, the same in every file format. */
  readonly name: string
  readonly compatible: boolean
  up(knex: Knex, traits: DatabaseTraits): Promise<void>
  down(knex: Knex, traits: DatabaseTraits): Promise<void>
}

export type DatabaseLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgresql'; readonly url: string }

export interface SchemaOptions {
  readonly location: DatabaseLocation
  readonly migrations: readonly Migration[]
  readonly views: readonly View[]
}

const TABLE = 'schema_migrations'

const nothing = (): void => undefined
/** knex prints what it also throws, on the standard output of whoever embeds it. */
const SILENT: Knex.Logger = { warn: nothing, error: nothing, deprecate: nothing, debug: nothing }

/** Applies what is missing and returns the names. Safe to run twice and from two processes at once. */
export async function migrate(options: SchemaOptions): Promise<string[]> {
  if (options.location.kind === 'sqlite' && isCurrent(options.location.path, options)) return []
  return withMigrationLock(options.location, () =>
    withKnex(options.location, async (knex, traits) => {
      await refuseNewer(knex, options.migrations)
      const config = migrationConfig(options.migrations, traits)
      // Held under our own lock, so nobody else has knex's: a process that was killed left it.
      await knex.migrate.forceFreeMigrationsLock(config)
      const [, applied] = (await knex.migrate.latest(config)) as [number, string[]]
      await initialise(knex, traits, options.views)
      return applied
    }),
  )
}

/** True for a SQLite file with exactly the schema and the views of this version: what nearly every start finds. */
function isCurrent(path: string, { migrations, views }: SchemaOptions): boolean {
  let connection: ReturnType<typeof connect> | undefined
  try {
    connection = connect(path)
    const { all, get } = statements(connection)
    const names = (table: string): string[] => {
      const exists = get("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?", [table])
      return exists ? (all(`SELECT name FROM ${table}`) as { name: string }[]).map(({ name }) => name) : []
    }
    const applied = new Set(names(TABLE))
    const built = new Set(names('view_versions'))
    return (
      applied.size === migrations.length &&
      migrations.every(({ name }) => applied.has(name)) &&
      views.every(({ name }) => built.has(name))
    )
  } catch (error) {
    // Another process is making it right now.
    if (isBusy(error)) return false
    throw error
  } finally {
    connection?.close()
  }
}

/** Drops every table, log included, and migrates anew. */
export async function migrateFresh(options: SchemaOptions): Promise<string[]> {
  await withMigrationLock(options.location, () =>
    withKnex(options.location, async (knex, traits) => {
      const rows = await select<{ name: string }>(knex, traits.listTables)
      for (const { name } of rows) if (!name.startsWith('sqlite_')) await knex.schema.dropTableIfExists(name)
    }),
  )
  return migrate(options)
}

/** Undoes the last batch of migrations; views go first, since their tables hang on the log. For tests and rescue. */
export async function rollback(options: SchemaOptions): Promise<string[]> {
  return withKnex(options.location, async (knex, traits) => {
    for (const view of options.views) for (const table of view.tables) await knex.schema.dropTableIfExists(table.name)
    const [, undone] = (await knex.migrate.rollback(migrationConfig(options.migrations, traits))) as [number, string[]]
    return undone
  })
}

/** Throws `schema-incompatible` with the command that helps. */
export async function checkSchema(options: SchemaOptions): Promise<void> {
  await withKnex(options.location, async (knex) => {
    const applied = await appliedNames(knex)
    const missing = options.migrations.filter(({ name }) => !applied.has(name))
    if (missing.length > 0) {
      throw new RegistryError(
        'schema-incompatible',
        `The database's schema is older than this version of artifact-store: run 'artifactstore migrate' (missing: ${missing.map((m) => m.name).join(', ')})`,
        { missing: missing.map((m) => m.name) },
      )
    }
    await refuseNewer(knex, options.migrations)
  })
}

async function refuseNewer(knex: Knex, migrations: readonly Migration[]): Promise<void> {
  const known = new Set(migrations.map(({ name }) => name))
  const unknown = [...(await appliedNames(knex))].filter(([name, compatible]) => !known.has(name) && !compatible)
  if (unknown.length === 0) return
  const names = unknown.map(([name]) => name)
  throw new RegistryError(
    'schema-incompatible',
    `The database's schema is newer than this version of artifact-store (${names.join(', ')}): run the version that migrated it, or a newer one`,
    { unknown: names },
  )
}

/** Applied migrations by name, with whether older servers may go on beside them. */
async function appliedNames(knex: Knex): Promise<Map<string, boolean>> {
  if (!(await knex.schema.hasTable(TABLE))) return new Map()
  const rows = (await knex(TABLE).select('name')) as { name: string }[]
  const marks = (await knex.schema.hasTable('schema_compatibility'))
    ? ((await knex('schema_compatibility').select('name')) as { name: string }[])
    : []
  const compatible = new Set(marks.map(({ name }) => name))
  return new Map(rows.map(({ name }) => [name, compatible.has(name)]))
}

function migrationConfig(migrations: readonly Migration[], traits: DatabaseTraits): Knex.MigratorConfig {
  return {
    tableName: TABLE,
    migrationSource: {
      getMigrations: async () => [...migrations],
      getMigrationName: (migration: Migration) => migration.name,
      getMigration: async (migration: Migration) => ({
        up: async (knex: Knex) => {
          await migration.up(knex, traits)
          if (!(await knex.schema.hasTable('schema_compatibility'))) {
            await knex.raw(`CREATE TABLE schema_compatibility (name ${traits.text} PRIMARY KEY)`)
          }
          if (migration.compatible) await knex('schema_compatibility').insert({ name: migration.name })
        },
        down: async (knex: Knex) => {
          await migration.down(knex, traits)
          await knex('schema_compatibility').where('name', migration.name).delete()
        },
      }),
    } as Knex.MigrationSource<unknown>,
    // A database may have been migrated by a newer, compatible version: its extra names are not an error.
    disableMigrationsListValidation: true,
  }
}

/** The log's head, and the tables of views that have none yet. Views of another version wait for a rebuild. */
async function initialise(knex: Knex, traits: DatabaseTraits, views: readonly View[]): Promise<void> {
  await knex.transaction(async (trx) => {
    await trx('log_head')
      .insert({
        id: 1,
        sequence: 0,
        chain: Buffer.from(CHAIN_START),
        created_at: new Date(0).toISOString(),
        epoch: randomBytes(8).toString('hex'),
      })
      .onConflict('id')
      .ignore()
    for (const name of ['upload-ids', 'credential-fingerprints']) {
      await trx('secrets')
        .insert({ name, value: randomBytes(32) })
        .onConflict('name')
        .ignore()
    }
    if (!(await trx('token_keys').first('key_id'))) {
      await trx('token_keys').insert({
        key_id: randomBytes(8).toString('hex'),
        secret: randomBytes(32),
        created_at: Date.now(),
      })
    }
    const head = (await trx('log_head').first('sequence')) as { sequence: number | string }
    for (const view of views) {
      const known = await trx('view_versions').where('name', view.name).first('name')
      // On a log with events, a view without a version is built by replay, which makes its own tables.
      if (known || Number(head.sequence) > 0) continue
      const generation = randomBytes(4).toString('hex')
      for (const spec of view.tables) {
        for (const statement of createTable(spec, traits, '', generation)) await trx.raw(statement)
      }
      await trx('view_versions').insert({ name: view.name, version: view.version, generation })
    }
  })
}

async function select<T>(knex: Knex, sql: string): Promise<T[]> {
  const answer = (await knex.raw(sql)) as T[] | { rows: T[] }
  return Array.isArray(answer) ? answer : answer.rows
}

async function withKnex<T>(
  location: DatabaseLocation,
  work: (knex: Knex, traits: DatabaseTraits) => Promise<T>,
): Promise<T> {
  const sqlite = location.kind === 'sqlite'
  // Loaded only where there is something to migrate or to check: it is the largest library of a starting server.
  const { default: knex } = await import('knex')
  if (sqlite) connect(location.path).close()
  const connection = knex(
    sqlite
      ? { client: 'better-sqlite3', connection: { filename: location.path }, useNullAsDefault: true, log: SILENT }
      : { client: 'pg', connection: location.url, pool: { min: 0, max: 2 }, log: SILENT },
  )
  try {
    return await work(connection, sqlite ? SQLITE_TRAITS : POSTGRESQL_TRAITS)
  } finally {
    await connection.destroy()
  }
}
