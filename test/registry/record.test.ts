/** The one writer of the log: what a failing writer undoes, what a batch shares, and when an answer may go out. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../src/registry/database/sql.ts'
import { RegistryError, type Sql } from '../../src/registry/index.ts'
import { verifyLog } from '../../src/registry/verify/verify-log.ts'
import { createApplier, VIEWS } from '../../src/registry/views/index.ts'
import { armFailpoints } from '../../src/storage/index.ts'
import { DATABASES } from '../support/databases.ts'
import { refusalOf } from '../support/refusals.ts'
import { linked, openTestLog, recordLink, type TestLog } from '../support/test-log.ts'

const REFUSAL = new RegistryError('denied', 'not this one')
const ENOUGH_TURNS = 20

async function sequencesOf(log: TestLog): Promise<number[]> {
  return (await log.events()).map((event) => event.sequence)
}

async function linksOf(log: TestLog): Promise<string[]> {
  const rows = await log.database.reader.all<{ blake3: string }>('SELECT blake3 FROM repository_blobs ORDER BY blake3')
  return rows.map((row) => row.blake3)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1)
}

/** Lets everything that can happen without the held flush happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < ENOUGH_TURNS; turn += 1) {
    await sleep(1)
    await nextTurn()
  }
}

function watch<T>(promise: Promise<T>): { state: 'waiting' | 'answered' | 'refused' } {
  const watched: { state: 'waiting' | 'answered' | 'refused' } = { state: 'waiting' }
  promise.then(
    () => {
      watched.state = 'answered'
    },
    () => {
      watched.state = 'refused'
    },
  )
  return watched
}

async function remember(tx: Sql, name: string): Promise<void> {
  await tx.run('INSERT INTO secrets (name, value) VALUES (?, ?)', [name, Buffer.from('x')])
}

describe.each(DATABASES)('a failing writer on $engine', (engine) => {
  let log: TestLog
  beforeEach(async () => {
    log = await openTestLog(engine)
  })
  afterEach(async () => {
    armFailpoints('')
    await log.close()
  })

  it('that refuses undoes what it wrote and nothing of its batch mates', async () => {
    const calls = [
      recordLink(log.recorder, 'a'),
      log.recorder.record('someone', async (tx) => {
        await remember(tx, 'written-by-the-refused')
        throw REFUSAL
      }),
      recordLink(log.recorder, 'b'),
    ]
    const [first, refused, last] = await Promise.allSettled(calls)
    expect(first).toEqual({ status: 'fulfilled', value: 'a' })
    expect(refused).toEqual({ status: 'rejected', reason: REFUSAL })
    expect(last).toEqual({ status: 'fulfilled', value: 'b' })
    expect(await sequencesOf(log)).toEqual([1, 2])
    expect(await linksOf(log)).toEqual(['a', 'b'])
    const kept = await log.database.reader.all("SELECT name FROM secrets WHERE name = 'written-by-the-refused'")
    expect(kept).toEqual([])
  })

  it('that fails in any other way fails its whole batch, and later writers work', async () => {
    const calls = [
      recordLink(log.recorder, 'a'),
      log.recorder.record('local', async () => {
        throw new TypeError('a bug')
      }),
      recordLink(log.recorder, 'b'),
    ]
    const answers = await Promise.allSettled(calls)
    const batch = answers.slice(0, 2)
    expect(batch.map((answer) => answer.status)).toEqual(['rejected', 'rejected'])
    for (const answer of batch) expect((answer as PromiseRejectedResult).reason.code).toBe('unavailable')
    await recordLink(log.recorder, 'c')
    expect(await linksOf(log)).toEqual(answers[2]!.status === 'fulfilled' ? ['b', 'c'] : ['c'])
    expect(await verifyLog(log.database.reader)).not.toHaveProperty('brokenAt')
  })

  it('that sends a statement the engine refuses fails its batch, and later writers work', async () => {
    const call = log.recorder.record('local', async (tx) => {
      await tx.run('INSERT INTO no_such_table (x) VALUES (1)')
      return { events: [linked('a')], result: undefined }
    })
    expect((await refusalOf(call)).code).toBe('unavailable')
    await recordLink(log.recorder, 'b')
    expect(await linksOf(log)).toEqual(['b'])
  })

  it.each(['record.before-decide', 'record.before-append', 'record.before-views', 'record.before-commit'])(
    'at %s records nothing, says that there is no room, and leaves the writer working',
    async (failpoint) => {
      await recordLink(log.recorder, 'before')
      armFailpoints(`${failpoint}=error:ENOSPC@2`)
      const answers = await Promise.allSettled(['a', 'b', 'c'].map((blob) => recordLink(log.recorder, blob)))
      // At commit there is one pass for the whole batch; with @2 that batch goes through and the next fails.
      if (failpoint === 'record.before-commit')
        answers.push(...(await Promise.allSettled([recordLink(log.recorder, 'd')])))
      armFailpoints('')
      const failures = answers.filter((answer) => answer.status === 'rejected')
      expect(failures.length).toBeGreaterThan(0)
      for (const { reason } of failures as PromiseRejectedResult[]) expect(reason.code).toBe('storage-full')
      const kept = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      await recordLink(log.recorder, 'after')
      expect(await linksOf(log)).toEqual([...kept, 'after', 'before'].sort())
      expect(await sequencesOf(log)).toEqual(upTo(kept.length + 2))
      expect(await verifyLog(log.database.reader)).not.toHaveProperty('brokenAt')
    },
  )

  it('leaves the sequence without a gap when a view refuses what was appended', async () => {
    await log.close()
    const fold = createApplier(VIEWS)
    log = await openTestLog(engine, {
      apply: async (sql, event) => {
        await fold(sql, event)
        if (event.subjectId === 'refused') throw REFUSAL
      },
    })
    const refused = log.recorder.record('local', async () => ({
      events: [linked('x'), linked('y', 'refused')],
      result: undefined,
    }))
    const others = [recordLink(log.recorder, 'a'), recordLink(log.recorder, 'b')]
    expect(await refusalOf(refused)).toBe(REFUSAL)
    await Promise.all(others)
    expect(await sequencesOf(log)).toEqual([1, 2])
    expect(await linksOf(log)).toEqual(['a', 'b'])
    expect(await verifyLog(log.database.reader)).not.toHaveProperty('brokenAt')
  })

  it('whose rollback fails too is answered, and later writers work', async () => {
    await log.close()
    let broken = false
    log = await openTestLog(engine, {
      wrap: (database) => ({
        ...database,
        writer: {
          ...database.writer,
          async commit() {
            if (broken) throw new Error('the connection went away')
            await database.writer.commit()
          },
          async rollback() {
            await database.writer.rollback()
            if (broken) throw new Error('the connection is gone')
          },
        },
      }),
    })
    broken = true
    expect((await refusalOf(recordLink(log.recorder, 'a'))).code).toBe('unavailable')
    broken = false
    await recordLink(log.recorder, 'b')
    expect(await linksOf(log)).toEqual(['b'])
  })

  it('whose COMMIT failed is not told that nothing was recorded, since nobody knows', async () => {
    await log.close()
    log = await openTestLog(engine, {
      wrap: (database) => ({
        ...database,
        writer: {
          ...database.writer,
          async commit() {
            await database.writer.commit()
            throw new Error('the connection went away before the answer')
          },
        },
      }),
    })
    const refusal = await refusalOf(recordLink(log.recorder, 'a'))
    expect(refusal.code).toBe('unavailable')
    expect(refusal.message).not.toContain('nothing was recorded')
  })
})

describe('a full database', () => {
  let log: TestLog
  afterEach(() => log.close())

  it('on SQLite fails the whole batch, although the engine has left the transaction by itself', async () => {
    log = await openTestLog(DATABASES[0]!)
    const { writer } = log.database
    await recordLink(log.recorder, 'before')
    const [{ page_count: pages }] = (await writer.all('PRAGMA page_count')) as [{ page_count: number }]
    await writer.all(`PRAGMA max_page_count = ${pages + 4}`)
    const answers = await Promise.allSettled([
      recordLink(log.recorder, 'a'),
      log.recorder.record('local', async () => ({ events: [linked('big'.repeat(40_000))], result: undefined })),
      recordLink(log.recorder, 'b'),
    ])
    expect(answers.slice(0, 2).map((answer) => answer.status)).toEqual(['rejected', 'rejected'])
    for (const answer of answers.slice(0, 2)) {
      expect((answer as PromiseRejectedResult).reason.code).toBe('storage-full')
    }
    await writer.all('PRAGMA max_page_count = 1000000')
    await recordLink(log.recorder, 'after')
    const kept = answers[2]!.status === 'fulfilled' ? ['b'] : []
    expect(await linksOf(log)).toEqual(['after', ...kept, 'before'])
    expect(await sequencesOf(log)).toEqual(upTo(2 + kept.length))
    expect(await verifyLog(log.database.reader)).not.toHaveProperty('brokenAt')
  })

  it('on PostgreSQL is said to be full', async () => {
    log = await openTestLog(DATABASES[1]!)
    const call = log.recorder.record('local', async (tx) => {
      await tx.run("DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$")
      return { events: [], result: undefined }
    })
    expect((await refusalOf(call)).code).toBe('storage-full')
    await recordLink(log.recorder, 'after')
    expect(await linksOf(log)).toEqual(['after'])
  })

  it('on PostgreSQL goes on with a new connection after the old one was cut', async () => {
    log = await openTestLog(DATABASES[1]!)
    const cut = log.recorder.record('local', async (tx) => {
      await tx.run('SELECT pg_terminate_backend(pg_backend_pid())')
      return { events: [linked('cut')], result: undefined }
    })
    expect((await refusalOf(cut)).code).toBe('unavailable')
    await recordLink(log.recorder, 'after')
    expect(await linksOf(log)).toEqual(['after'])
  })
})

describe.each(DATABASES)('the order of the log on $engine', (engine) => {
  let log: TestLog
  beforeEach(async () => {
    log = await openTestLog(engine)
  })
  afterEach(() => log.close())

  it('has no gap under fifty writers, some of whom are refused', async () => {
    const writer = async (n: number): Promise<number> => {
      let recorded = 0
      for (let turn = 0; turn < 4; turn += 1) {
        const refuses = (n + turn) % 3 === 0
        const call = log.recorder.record(`writer ${n % 5}`, async () => {
          if (refuses) throw REFUSAL
          return { events: [linked(`${n}.${turn}`)], result: undefined }
        })
        await call.then(
          () => {
            recorded += 1
          },
          (error) => expect(error).toBe(REFUSAL),
        )
      }
      return recorded
    }
    const counts = await Promise.all(upTo(50).map(writer))
    const total = counts.reduce((sum, count) => sum + count, 0)
    expect(total).toBeGreaterThan(100)
    expect(await sequencesOf(log)).toEqual(upTo(total))
    expect(await linksOf(log)).toHaveLength(total)
    expect(await verifyLog(log.database.reader)).toEqual({ events: total, head: total })
  })

  it('never goes back in time when the clock does', async () => {
    await recordLink(log.recorder, 'a')
    log.clock.now -= 3_600_000
    await recordLink(log.recorder, 'b')
    log.clock.now += 7_200_000
    await recordLink(log.recorder, 'c')
    const times = (await log.events()).map((event) => event.createdAt)
    expect(times).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00.000Z'])
  })

  it('is one for two writers with connections of their own, and loses nothing', async () => {
    const other = await log.second()
    const blobs = upTo(120).map((n) => String(n).padStart(3, '0'))
    await Promise.all(blobs.map((blob, n) => recordLink(n % 2 ? log.recorder : other.recorder, blob)))
    expect(await sequencesOf(log)).toEqual(upTo(120))
    expect(await linksOf(log)).toEqual(blobs)
    expect(await verifyLog(log.database.reader)).toEqual({ events: 120, head: 120 })
  })

  it('is refused by a process whose answers the log has lost', async () => {
    await recordLink(log.recorder, 'a')
    const before = await headRow(log.database)
    await recordLink(log.recorder, 'b')
    await forget(log, 1, before)
    const refusal = await refusalOf(recordLink(log.recorder, 'c'))
    expect(refusal.code).toBe('log-broken')
    expect(refusal.detail).toMatchObject({ answered: 2, head: 1 })
    expect(await sequencesOf(log)).toEqual([1])
  })
})

async function headRow(database: Database): Promise<{ chain: Uint8Array }> {
  return (await database.reader.get<{ chain: Uint8Array }>('SELECT chain FROM log_head'))!
}

/** What a failover to a standby that lagged behind does. */
async function forget(log: TestLog, keep: number, head: { chain: Uint8Array }): Promise<void> {
  const other = await log.second()
  await other.database.writer.begin()
  await other.database.writer.run('DELETE FROM events WHERE sequence > ?', [keep])
  await other.database.writer.run('UPDATE log_head SET sequence = ?, chain = ?', [keep, head.chain])
  await other.database.writer.commit()
}

describe.each(DATABASES)('an answer on $engine', (engine) => {
  let log: TestLog
  beforeEach(async () => {
    log = await openTestLog(engine)
  })
  afterEach(() => log.close())

  it('goes out only when its events are on disk', async () => {
    log.gate.held = true
    const call = recordLink(log.recorder, 'a')
    const seen = watch(call)
    await vi.waitFor(async () => expect(await linksOf(log)).toEqual(['a']))
    await settle()
    expect(seen.state).toBe('waiting')
    expect(log.recorder.flushedSequence()).toBe(0)
    log.gate.release()
    await call
    expect(log.recorder.flushedSequence()).toBe(1)
  })

  it('waits for what it read also when it recorded nothing itself', async () => {
    log.gate.held = true
    const first = recordLink(log.recorder, 'a')
    await settle()
    const repeated = log.recorder.record('local', async (tx) => {
      const row = await tx.get("SELECT linked FROM repository_blobs WHERE blake3 = 'a'")
      return { events: [], result: row !== undefined }
    })
    const refused = log.recorder.record('local', async () => Promise.reject(REFUSAL))
    const seen = [watch(first), watch(repeated), watch(refused)]
    await settle()
    expect(seen.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting'])
    log.gate.release()
    expect(await repeated).toBe(true)
    expect(await refusalOf(refused)).toBe(REFUSAL)
  })

  it('is not released by a flush that began before its COMMIT returned', async () => {
    log.gate.held = true
    const first = recordLink(log.recorder, 'a')
    await vi.waitFor(() => expect(log.gate.begun).toBe(1))
    const second = recordLink(log.recorder, 'b')
    const seen = watch(second)
    await vi.waitFor(async () => expect(await linksOf(log)).toEqual(['a', 'b']))
    await settle()
    log.gate.releaseOne()
    await first
    await settle()
    expect(log.gate.begun).toBe(2)
    expect(seen.state).toBe('waiting')
    expect(log.recorder.flushedSequence()).toBe(1)
    log.gate.release()
    await second
    expect(log.recorder.flushedSequence()).toBe(2)
  })

  it('shares its flush with everyone who waits', async () => {
    const blobs = upTo(200).map(String)
    await Promise.all(blobs.map((blob) => recordLink(log.recorder, blob)))
    expect(await linksOf(log)).toHaveLength(200)
    expect(log.gate.begun).toBeLessThanOrEqual(200 / 4)
  })

  it('never comes after a flush that failed, and the process is told to end', async () => {
    log.gate.failure = new Error('EIO')
    const seen = watch(recordLink(log.recorder, 'a'))
    await settle()
    expect(seen.state).toBe('waiting')
    expect(log.flushFailures).toEqual([log.gate.failure])
    expect(log.recorder.flushedSequence()).toBe(0)
  })

  it('to thousands of waiting writers leaves the event loop free in between', async () => {
    let turns = 0
    let done = false
    const count = (): void => {
      turns += 1
      if (!done) setImmediate(count)
    }
    setImmediate(count)
    await Promise.all(upTo(2_000).map((n) => recordLink(log.recorder, String(n))))
    done = true
    // 128 writers share a batch at most, so there are sixteen batches and a turn of the loop after each.
    expect(turns).toBeGreaterThanOrEqual(10)
  })
})
