/** What a writer of the log that fails undoes, and what it leaves alone. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RegistryError, type Sql } from '../../src/registry/index.ts'
import { verifyLog } from '../../src/registry/verify/verify-log.ts'
import { createApplier, VIEWS } from '../../src/registry/views/index.ts'
import { armFailpoints } from '../../src/storage/index.ts'
import { DATABASES } from '../support/databases.ts'
import { refusalOf } from '../support/refusals.ts'
import { linked, linksOf, openTestLog, recordLink, sequencesOf, type TestLog, upTo } from '../support/test-log.ts'

const REFUSAL = new RegistryError('denied', 'not this one')

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
