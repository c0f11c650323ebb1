/** The order of the log under many writers, and when the answer to a writer may go out. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../src/registry/database/sql.ts'
import { RegistryError, type Sql } from '../../src/registry/index.ts'
import { verifyLog } from '../../src/registry/verify/verify-log.ts'
import { DATABASES } from '../support/databases.ts'
import { refusalOf } from '../support/refusals.ts'
import { linked, linksOf, openTestLog, recordLink, sequencesOf, type TestLog, upTo } from '../support/test-log.ts'

const REFUSAL = new RegistryError('denied', 'not this one')
const ENOUGH_TURNS = 20

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
    await vi.waitFor(async () => expect(await linksOf(log)).toEqual(['a']), 10_000)
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
    await vi.waitFor(() => expect(log.gate.begun).toBe(2), 10_000)
    await settle()
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
    await vi.waitFor(() => expect(log.flushFailures).toEqual([log.gate.failure]), 10_000)
    await settle()
    expect(seen.state).toBe('waiting')
    expect(log.recorder.flushedSequence()).toBe(0)
    // The kernel tells of lost pages once: the next flush would go well, and must not count.
    log.gate.failure = undefined
    const later = watch(recordLink(log.recorder, 'b'))
    await vi.waitFor(() => expect(log.flushFailures).toHaveLength(2), 10_000)
    await settle()
    expect([seen.state, later.state, log.recorder.flushedSequence()]).toEqual(['waiting', 'waiting', 0])
  })

  it('to thousands of waiting writers leaves the event loop free in between', async () => {
    let turn = 0
    let counting = setImmediate(function count() {
      turn += 1
      counting = setImmediate(count)
    })
    const decidedIn = new Set<number>()
    const writers = upTo(2_000).map((n) =>
      log.recorder.record('local', async () => {
        decidedIn.add(turn)
        return { events: [linked(String(n))], result: undefined }
      }),
    )
    await Promise.all(writers)
    clearImmediate(counting)
    // 128 writers share a batch at most, so there are sixteen batches, and a turn of the loop between any two.
    expect(decidedIn.size).toBeGreaterThanOrEqual(15)
  })

  it('to a change of working state waits for the disk as one to an event does', async () => {
    log.gate.held = true
    const change = log.recorder.write((tx) => remember(tx, 'state'))
    const seen = watch(change)
    const names = () => log.database.reader.all("SELECT name FROM secrets WHERE name = 'state'")
    await vi.waitFor(async () => expect(await names()).toHaveLength(1), 10_000)
    await settle()
    expect(seen.state).toBe('waiting')
    log.gate.release()
    await change
  })
})

async function remember(tx: Sql, name: string): Promise<void> {
  await tx.run('INSERT INTO secrets (name, value) VALUES (?, ?)', [name, Buffer.from('x')])
}
