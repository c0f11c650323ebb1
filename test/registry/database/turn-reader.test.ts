import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../../src/registry/database/sql.ts'
import { connect, openSqlite } from '../../../src/registry/database/sqlite.ts'

let folder: string
let database: Database
let other: ReturnType<typeof connect>
const count = () => database.reader.get<{ n: number }>('SELECT count(*) AS n FROM t')

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'turn-reader-'))
  other = connect(join(folder, 'a.db'))
  other.exec('CREATE TABLE t (x TEXT)')
  database = await openSqlite({ path: join(folder, 'a.db'), durability: 'durable' })
})
afterEach(async () => {
  await database.close()
  other.close()
  rmSync(folder, { recursive: true, force: true })
})

test('what another process commits is seen in the next turn, not in the middle of this one', async () => {
  expect(count()).toEqual({ n: 0 })
  const before = database.readVersion?.()
  other.exec("INSERT INTO t VALUES ('a')")
  expect([count(), database.readVersion?.()]).toEqual([{ n: 0 }, before])
  await nextTurn()
  expect(count()).toEqual({ n: 1 })
  expect(database.readVersion?.()).not.toBe(before)
})

test('what the writer of this process commits is seen at once', async () => {
  const { writer } = database
  await writer.begin()
  await writer.run("INSERT INTO t VALUES ('a')")
  expect(count()).toEqual({ n: 0 })
  const before = database.readVersion?.()
  await writer.commit()
  expect(count()).toEqual({ n: 1 })
  expect(database.readVersion?.()).not.toBe(before)
})

test('no snapshot outlives its turn, so a checkpoint can empty the log', async () => {
  other.exec("INSERT INTO t VALUES ('a')")
  expect(count()).toEqual({ n: 1 })
  await nextTurn()
  expect(other.pragma('wal_checkpoint(TRUNCATE)')).toEqual([{ busy: 0, log: 0, checkpointed: 0 }])
})

test('the reader writes nothing, and may be closed in the turn of a read', async () => {
  expect(() => database.reader.run("INSERT INTO t VALUES ('a')")).toThrow(TypeError)
  count()
})
