/** The schema: made, undone and made again; and what a server says of one that does not fit it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../migrations/index.ts'
import {
  checkSchema,
  type Database,
  type DatabaseLocation,
  type Migration,
  migrate,
  migrateFresh,
  openDatabase,
  rollback,
  VIEWS,
} from '../../src/registry/index.ts'
import { DATABASES } from '../support/databases.ts'
import { refusalOf } from '../support/refusals.ts'

const LATER = '20990101T0000_add_later'

function later(compatible: boolean): Migration {
  return {
    name: LATER,
    compatible,
    up: async (knex, { text }) => void (await knex.raw(`CREATE TABLE later (x ${text})`)),
    down: async (knex) => void (await knex.raw('DROP TABLE later')),
  }
}

describe.each(DATABASES)('the schema on $engine', (engine) => {
  let folder: string
  let location: DatabaseLocation
  let drop: () => Promise<void>
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'artifactstore-schema-'))
    ;({ location, drop } = await engine.create(folder))
  })
  afterEach(async () => {
    await drop()
    await rm(folder, { recursive: true, force: true })
  })

  const options = (migrations: readonly Migration[] = MIGRATIONS) => ({ location, migrations, views: VIEWS })

  async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = await openDatabase(location, { durability: 'durable' })
    try {
      return await work(database)
    } finally {
      await database.close()
    }
  }

  const tables = (): Promise<string[]> =>
    withDatabase(async ({ reader, traits }) => {
      const rows = await reader.all<{ name: string }>(traits.listTables)
      return rows.map(({ name }) => name).sort()
    })

  it('that was never made is older than the server, which says the command', async () => {
    const refusal = await refusalOf(checkSchema(options()))
    expect(refusal.code).toBe('schema-incompatible')
    expect(refusal.message).toMatch(/^The database's schema is older .*run 'artifactstore migrate'/)
    expect(refusal.detail).toMatchObject({ missing: MIGRATIONS.map(({ name }) => name) })
    expect(await tables()).toEqual([])
  })

  it('that lacks one migration is older, and migrate brings that one', async () => {
    await migrate(options())
    const newer = [...MIGRATIONS, later(false)]
    const refusal = await refusalOf(checkSchema(options(newer)))
    expect(refusal.message).toContain(`missing: ${LATER}`)
    expect(await migrate(options(newer))).toEqual([LATER])
    await checkSchema(options(newer))
  })

  it('that is newer is refused by servers and by migrate, naming what is unknown', async () => {
    await migrate(options([...MIGRATIONS, later(false)]))
    for (const call of [checkSchema, migrate]) {
      const refusal = await refusalOf(() => call(options()) as Promise<unknown>)
      expect(refusal.code).toBe('schema-incompatible')
      expect(refusal.message).toMatch(/is newer than this version .*20990101T0000_add_later.*run the version/)
      expect(refusal.detail).toMatchObject({ unknown: [LATER] })
    }
  })

  it('that is newer but marked compatible serves an older server, which may even migrate', async () => {
    await migrate(options([...MIGRATIONS, later(true)]))
    await checkSchema(options())
    expect(await migrate(options())).toEqual([])
    expect(await tables()).toContain('later')
  })

  it('comes up, goes down to nothing, and comes up again', async () => {
    expect(await migrate(options())).toEqual(MIGRATIONS.map(({ name }) => name))
    const made = await tables()
    expect(made).toEqual(expect.arrayContaining(['events', 'log_head', 'packages', 'uploads']))
    expect(await migrate(options())).toEqual([])
    expect(await tables()).toEqual(made)
    expect(await rollback(options())).toEqual(MIGRATIONS.map(({ name }) => name).toReversed())
    const left = (await tables()).filter((name) => !name.startsWith('schema_') && !name.startsWith('sqlite_'))
    expect(left).toEqual([])
    await migrate(options())
    expect(await tables()).toEqual(made)
    const row = await withDatabase(async ({ reader }) => reader.get('SELECT sequence, created_at FROM log_head'))
    expect(row).toEqual({ sequence: 0, created_at: '1970-01-01T00:00:00.000Z' })
  })

  it('made anew has forgotten everything and is another log', async () => {
    await migrate(options())
    const epoch = () =>
      withDatabase(async ({ reader }) => (await reader.get<{ epoch: string }>('SELECT epoch FROM log_head'))!)
    const before = await epoch()
    await withDatabase(async ({ writer }) => {
      await writer.begin()
      await writer.run("INSERT INTO identities (identity_id, name) VALUES ('1', 'alice')")
      await writer.commit()
    })
    expect(await migrateFresh(options())).toEqual(MIGRATIONS.map(({ name }) => name))
    expect(await epoch()).not.toEqual(before)
    const left = await withDatabase(async ({ reader }) => reader.all('SELECT name FROM identities'))
    expect(left).toEqual([])
  })

  it('is made once when two migrate at the same time', async () => {
    const answers = await Promise.all([migrate(options()), migrate(options()), migrate(options())])
    expect(answers.flat()).toEqual(MIGRATIONS.map(({ name }) => name))
    await checkSchema(options())
  })

  it('is completed by the next migrate when one was killed half-way', async () => {
    await migrate(options())
    await withDatabase(async ({ writer }) => {
      await writer.begin()
      await writer.run('UPDATE schema_migrations_lock SET is_locked = 1')
      await writer.commit()
    })
    expect(await migrate(options([...MIGRATIONS, later(false)]))).toEqual([LATER])
  })

  it('is left as it was by a migration that fails', async () => {
    await migrate(options())
    const before = await tables()
    const failing: Migration = {
      ...later(false),
      async up(knex, { text }) {
        await knex.raw(`CREATE TABLE later (x ${text})`)
        throw new Error('cannot go on')
      },
    }
    await expect(migrate(options([...MIGRATIONS, failing]))).rejects.toThrow('cannot go on')
    expect(await tables()).toEqual(before)
    await checkSchema(options())
    expect(await migrate(options([...MIGRATIONS, later(false)]))).toEqual([LATER])
  })

  it('says whether a server makes it by itself: SQLite does, PostgreSQL waits for the command', async () => {
    await migrate(options())
    const traits = await withDatabase(async (database) => database.traits)
    expect([traits.kind, traits.migratesAtStart]).toEqual([engine.engine, engine.engine === 'sqlite'])
  })
})
