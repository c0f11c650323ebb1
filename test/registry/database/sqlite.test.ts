/** SQLite as it is arranged here: durable by one flush for many, never by a sync inside COMMIT, its WAL bounded beside traffic. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../../src/registry/database/sql.ts'
import { openDatabase } from '../../../src/registry/index.ts'

const MIB = 1024 * 1024

describe('a SQLite database', () => {
  let folder: string
  let path: string
  let database: Database
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'artifactstore-sqlite-'))
    path = join(folder, 'registry.db')
    database = await openDatabase({ kind: 'sqlite', path }, { durability: 'durable' })
    await write('CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB NOT NULL)')
  })
  afterEach(async () => {
    await database.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function write(sql: string, params: readonly (number | Uint8Array)[] = []): Promise<void> {
    await database.writer.begin()
    await database.writer.run(sql, params)
    await database.writer.commit()
  }
  const sizeOf = async (file: string): Promise<number> => (await stat(file)).size

  it('has the settings that the log relies on, on the connection that writes it', async () => {
    const settings: Record<string, unknown> = {}
    for (const name of ['journal_mode', 'synchronous', 'wal_autocheckpoint', 'secure_delete', 'busy_timeout']) {
      const [row] = (await database.writer.all(`PRAGMA ${name}`)) as Record<string, unknown>[]
      settings[name] = Object.values(row!)[0]
    }
    expect(settings).toEqual({
      journal_mode: 'wal',
      synchronous: 1,
      wal_autocheckpoint: 0,
      secure_delete: 1,
      busy_timeout: 0,
    })
  })

  it('does not show what is not committed, and cannot be written through its reader', async () => {
    await database.writer.begin()
    await database.writer.run('INSERT INTO t (n, x) VALUES (1, ?)', [Buffer.from('x')])
    expect(await database.reader.all('SELECT n FROM t')).toEqual([])
    await database.writer.rollback()
    expect(() => database.reader.run('DELETE FROM t')).toThrow()
  })

  it('plans an ordered statement once, whatever values are bound to it', async () => {
    for (let n = 0; n < 100; n += 1) await write('INSERT INTO t (n, x) VALUES (?, ?)', [n, Buffer.from('x')])
    await database.writer.run('CREATE INDEX ix_t ON t (x, n)')
    const microseconds = async (where: string, params: readonly Uint8Array[]): Promise<number> => {
      const sql = `SELECT n FROM t WHERE ${where} ORDER BY n DESC LIMIT 1`
      expect(await database.reader.get(sql, params)).toEqual({ n: 99 })
      const rounds = Array.from({ length: 20 }, () => {
        const started = performance.now()
        for (let n = 0; n < 500; n += 1) database.reader.get(sql, params)
        return performance.now() - started
      })
      return Math.min(...rounds) * 2
    }
    const planned = await microseconds("x = x'78'", [])
    // Planned anew each time it takes ten times as long.
    expect(await microseconds('x = ?', [Buffer.from('x')])).toBeLessThan(4 * planned)
  })

  it('stores and finds values of every type as they are bound', async () => {
    await database.writer.run('CREATE TABLE v (a TEXT NOT NULL, b BLOB, c INTEGER)')
    const row = { a: '+1', b: Buffer.from([0, 255]), c: 7 }
    await database.writer.run('INSERT INTO v (a, b, c) VALUES (?, ?, ?)', [row.a, row.b, row.c])
    await database.writer.run('INSERT INTO v (a, b, c) VALUES (?, ?, ?)', ['1', null, null])
    expect(await database.writer.all('SELECT * FROM v WHERE (a, c) > (?, ?) ORDER BY a', ['+1', 6])).toHaveLength(2)
    expect(await database.writer.all('SELECT * FROM v WHERE b = ? LIMIT ?', [row.b, 5])).toEqual([row])
    expect(await database.writer.get('SELECT c FROM v WHERE a IN (?, ?)', ['1', 'x'])).toEqual({ c: null })
  })

  it('knows that the engine has left the transaction by itself', async () => {
    const [{ page_count: pages }] = (await database.writer.all('PRAGMA page_count')) as [{ page_count: number }]
    await database.writer.all(`PRAGMA max_page_count = ${pages + 1}`)
    await database.writer.begin()
    await database.writer.savepoint()
    expect(() => database.writer.run('INSERT INTO t (n, x) VALUES (1, ?)', [Buffer.alloc(MIB)])).toThrow(/full/)
    expect(database.writer.inTransaction()).toBe(false)
    await database.writer.rollback()
  })

  it('moves its WAL into the database beside traffic, and reuses it', async () => {
    const page = Buffer.alloc(64 * 1024, 1)
    const writeAndFlush = async (n: number): Promise<void> => {
      await write('INSERT INTO t (n, x) VALUES (?, ?)', [n, page])
      await database.flush()
    }
    // A checkpoint begins with the 256th flush since the last.
    for (let n = 0; n < 256; n += 1) await writeAndFlush(n)
    const length = await sizeOf(`${path}-wal`)
    expect(length).toBeGreaterThan(16 * MIB)
    await expect.poll(() => sizeOf(path), { timeout: 10_000 }).toBeGreaterThan(16 * MIB)
    await sleep(100)
    for (let n = 256; n < 300; n += 1) await writeAndFlush(n)
    expect(await sizeOf(`${path}-wal`)).toBe(length)
  })

  it('keeps its WAL short without flushes to disk too', async () => {
    const relaxed = join(folder, 'relaxed.db')
    const other = await openDatabase({ kind: 'sqlite', path: relaxed }, { durability: 'relaxed' })
    await other.writer.begin()
    await other.writer.run('CREATE TABLE t (x BLOB NOT NULL)')
    for (let n = 0; n < 17; n += 1) await other.writer.run('INSERT INTO t (x) VALUES (?)', [Buffer.alloc(8 * MIB, 1)])
    await other.writer.commit()
    await other.flush()
    expect(await sizeOf(`${relaxed}-wal`)).toBeGreaterThan(128 * MIB)
    await other.breathe()
    expect(await sizeOf(`${relaxed}-wal`)).toBeLessThan(MIB)
    await other.close()
  })

  it('pauses once for a WAL over the limit, and the file is short again', async () => {
    const block = Buffer.alloc(8 * MIB, 1)
    for (let n = 0; n < 17; n += 1) await write('INSERT INTO t (n, x) VALUES (?, ?)', [n, block])
    await database.flush()
    expect(await sizeOf(`${path}-wal`)).toBeGreaterThan(128 * MIB)
    await database.breathe()
    expect(await sizeOf(`${path}-wal`)).toBeLessThan(MIB)
    expect(await database.reader.get('SELECT count(*) AS n FROM t')).toEqual({ n: 17 })
  })

  it('is flushed also after its WAL file was replaced', async () => {
    await database.flush()
    await database.scrub()
    expect(await sizeOf(`${path}-wal`)).toBe(0)
    await write('INSERT INTO t (n, x) VALUES (1, ?)', [Buffer.from('x')])
    await database.flush()
    expect(await sizeOf(`${path}-wal`)).toBeGreaterThan(0)
  })
})
