/**
 * PostgreSQL through `pg`: one connection for the writer, a pool for readers. COMMIT returns when the WAL is on disk
 * (`synchronous_commit = on`), so a flush has nothing left to do.
 */
import pg from 'pg'
import { RegistryError } from '../errors.ts'
import { type Database, POSTGRESQL_TRAITS, type Sql, type SqlValue, type WriteConnection } from './sql.ts'

export interface PostgresOptions {
  readonly url: string
  readonly durability: 'durable' | 'relaxed'
  readonly poolSize?: number
}

const INT8 = 20
/** Sequences and sizes stay far below 2^53, so 64-bit integers become numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
}

export async function openPostgres({ url, durability, poolSize = 10 }: PostgresOptions): Promise<Database> {
  const pool = new pg.Pool({ connectionString: url, max: poolSize, types, application_name: 'artifactstore' })
  // An idle connection that breaks is replaced by the pool; without a listener its error would end the process.
  pool.on('error', () => undefined)
  const reader = over((sql, params) => pool.query(sql, params))
  const writer = writeConnection(pool, durability)
  return {
    traits: POSTGRESQL_TRAITS,
    reader,
    writer,
    flush: async () => undefined,
    snapshot: (work) => snapshot(pool, work),
    breathe: async () => undefined,
    // Its WAL is the operator's archive; the old row versions go here and now instead of with the next autovacuum.
    scrub: async () => void (await pool.query('VACUUM events')),
    durabilityRisk: () => durabilityRisk(reader),
    ping: async () => void (await reader.get('SELECT 1 AS one')),
    close: async () => {
      await writer.end()
      await pool.end()
    },
  }
}

/** A failover to a standby that lags loses what was acknowledged; a server without fsync loses it with its power. */
async function durabilityRisk(sql: Sql): Promise<string | undefined> {
  const row = await sql.get<{ fsync: string; synchronous: string; standbys: number }>(
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_standby_names') AS synchronous,
       (SELECT count(*) FROM pg_stat_replication) AS standbys`,
  )
  if (row?.fsync === 'off') return 'PostgreSQL runs with fsync off: a power loss can lose acknowledged packages'
  if (row && row.standbys > 0 && row.synchronous === '') {
    return 'PostgreSQL replicates asynchronously: a failover can lose acknowledged packages; set synchronous_standby_names'
  }
  return undefined
}

type Query = (config: pg.QueryConfig, params?: undefined) => Promise<pg.QueryResult>

interface Statement {
  readonly name: string
  readonly text: string
}

const translated = new Map<string, Statement>()

/** `?` becomes `$n`; each text gets a name, so that a connection parses and plans it once. */
function statementOf(sql: string): Statement {
  let statement = translated.get(sql)
  if (!statement) {
    let n = 0
    statement = { name: `s${translated.size}`, text: sql.replace(/\?/g, () => `$${++n}`) }
    translated.set(sql, statement)
  }
  return statement
}

function over(query: Query): Sql {
  const run = (sql: string, params: readonly SqlValue[] = []): Promise<pg.QueryResult> =>
    query({ ...statementOf(sql), values: params.map((v) => (v instanceof Uint8Array ? Buffer.from(v) : v)) })
  return {
    all: async <R>(sql: string, params?: readonly SqlValue[]) => (await run(sql, params)).rows as R[],
    get: async <R>(sql: string, params?: readonly SqlValue[]) => (await run(sql, params)).rows[0] as R | undefined,
    run: async (sql, params) => (await run(sql, params)).rowCount ?? 0,
  }
}

function writeConnection(pool: pg.Pool, durability: 'durable' | 'relaxed'): WriteConnection & { end(): Promise<void> } {
  let client: pg.PoolClient | undefined
  let open = false
  const drop = (error?: Error): void => {
    client?.release(error ?? true)
    client = undefined
    open = false
  }
  const query: Query = (config) => {
    if (!client) return Promise.reject(new RegistryError('unavailable', 'The database connection was lost; try again'))
    return client.query(config)
  }
  const plain = async (sql: string): Promise<void> => void (await query({ text: sql }))
  return {
    ...over(query),
    async begin() {
      if (!client) {
        client = await pool.connect()
        client.on('error', (error) => drop(error))
        await plain(`SET synchronous_commit = ${durability === 'durable' ? 'on' : 'off'}`)
      }
      await plain('BEGIN')
      open = true
    },
    async commit() {
      await plain('COMMIT')
      open = false
    },
    async rollback() {
      if (!open) return
      open = false
      await plain('ROLLBACK').catch((error) => drop(error))
    },
    savepoint: () => plain('SAVEPOINT writer'),
    releaseSavepoint: () => plain('RELEASE SAVEPOINT writer'),
    rollbackToSavepoint: () => plain('ROLLBACK TO SAVEPOINT writer'),
    inTransaction: () => open,
    end: async () => drop(),
  }
}

async function snapshot<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return await work(over((config) => client.query(config)))
  } finally {
    await client.query('ROLLBACK').then(
      () => client.release(),
      (error) => client.release(error),
    )
  }
}
