/**
 * How the domain talks to a database: statements with `?` placeholders over a connection that both engines implement.
 * knex makes the schema and the migrations; statements on the request path are prepared once and run by the driver
 * itself, because building and promising each one costs ten times what it does (ADR 0004 has the figures).
 * Differences between the engines are data (`DatabaseTraits`), never an `if` in a service.
 */

export type SqlValue = string | number | null | Uint8Array
export type Row = Record<string, SqlValue>
/** SQLite answers at once, PostgreSQL with a promise: callers await either. */
export type Answer<T> = T | Promise<T>

export interface Sql {
  all<R = Row>(sql: string, params?: readonly SqlValue[]): Answer<R[]>
  get<R = Row>(sql: string, params?: readonly SqlValue[]): Answer<R | undefined>
  /** Changed rows. */
  run(sql: string, params?: readonly SqlValue[]): Answer<number>
}

export interface DatabaseTraits {
  readonly kind: 'sqlite' | 'postgresql'
  /** Text that sorts by bytes, so that pages come in the same order on every engine. */
  readonly text: string
  readonly integer: string
  readonly bytes: string
  /** Tables whose rows live in their primary key. */
  readonly clustered: string
  /** Appended to a SELECT of the log's head by whoever is about to write. */
  readonly lockHead: string
  readonly listTables: string
  /** Whether migrations run when a server starts, or only by `artifactstore migrate`. */
  readonly migratesAtStart: boolean
}

export const SQLITE_TRAITS: DatabaseTraits = {
  kind: 'sqlite',
  text: 'TEXT',
  integer: 'INTEGER',
  bytes: 'BLOB',
  clustered: ' WITHOUT ROWID',
  lockHead: '',
  listTables: "SELECT name FROM sqlite_master WHERE type = 'table'",
  migratesAtStart: true,
}

export const POSTGRESQL_TRAITS: DatabaseTraits = {
  kind: 'postgresql',
  text: 'TEXT COLLATE "C"',
  integer: 'BIGINT',
  bytes: 'BYTEA',
  clustered: '',
  lockHead: ' FOR UPDATE',
  listTables: 'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()',
  migratesAtStart: false,
}

/** One open transaction of the single writer. Savepoints keep the writers that share it apart. */
export interface WriteConnection extends Sql {
  begin(): Promise<void>
  commit(): Answer<void>
  rollback(): Answer<void>
  savepoint(): Answer<void>
  releaseSavepoint(): Answer<void>
  rollbackToSavepoint(): Answer<void>
  /** False once the engine has rolled back by itself (core-rules 1). */
  inTransaction(): boolean
}

export interface Database {
  readonly traits: DatabaseTraits
  /** Committed state, at least as new as the last commit of `writer`. */
  readonly reader: Sql
  /** A number that changes whenever what `reader` sees may have changed; absent where the engine cannot tell. */
  readonly readVersion?: () => number
  readonly writer: WriteConnection
  /**
   * Resolves when everything committed before the call is on disk. On an engine whose COMMIT does not return earlier it
   * resolves at once; with `relaxed` durability it always does.
   */
  flush(): Promise<void>
  /** One read snapshot for a long look at everything, on a connection of its own. */
  snapshot<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Between batches of the writer: gives the engine room to bound its own log (core-rules 3). */
  breathe(): Promise<void>
  /** After an erasure: what was overwritten leaves the engine's own log too, as far as readers in the way allow. */
  scrub(): Promise<void>
  ping(): Promise<void>
  /** What about this database's set-up can lose acknowledged commits (core-rules 8); undefined when nothing is known. */
  durabilityRisk(): Promise<string | undefined>
  close(): Promise<void>
}

export interface Column {
  readonly name: string
  readonly type: 'text' | 'integer' | 'bytes'
  readonly nullable?: boolean
}

export interface IndexSpec {
  readonly columns: readonly string[]
  readonly unique?: boolean
  /** The rows that it serves; absent: all. Each index of a row is a page that a push writes. */
  readonly where?: string
}

/** A table folded from events, described once: made, compared and swapped from this description. */
export interface TableSpec {
  readonly name: string
  readonly columns: readonly Column[]
  readonly key: readonly string[]
  readonly indexes?: readonly IndexSpec[]
  /** Narrow rows that are found by their key only. */
  readonly clustered?: boolean
}

export const text = (name: string): Column => ({ name, type: 'text' })
export const integer = (name: string): Column => ({ name, type: 'integer' })
export const bytes = (name: string): Column => ({ name, type: 'bytes' })
export const optional = (column: Column): Column => ({ ...column, nullable: true })

/** DDL of one table. `generation` keeps the index names of a rebuilt table apart from those of the live one. */
export function createTable(spec: TableSpec, traits: DatabaseTraits, prefix: string, generation: string): string[] {
  const columns = spec.columns.map((c) => `${c.name} ${traits[c.type]}${c.nullable ? '' : ' NOT NULL'}`)
  const table = `${prefix}${spec.name}`
  const statements = [
    `CREATE TABLE ${table} (${columns.join(', ')}, PRIMARY KEY (${spec.key.join(', ')}))${spec.clustered ? traits.clustered : ''}`,
  ]
  for (const [n, index] of (spec.indexes ?? []).entries()) {
    const name = `ix_${spec.name}_${n}_${generation}`
    const { columns, unique, where } = index
    statements.push(
      `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${name} ON ${table} (${columns.join(', ')})${where ? ` WHERE ${where}` : ''}`,
    )
  }
  return statements
}
