/** Several processes on one database: nothing is lost, no sequence twice, and none stops another's event loop. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../migrations/index.ts'
import { migrate, openDatabase, VIEWS } from '../../../src/registry/index.ts'
import { verifyLog } from '../../../src/registry/verify/verify-log.ts'
import { verifyViews } from '../../../src/registry/verify/verify-views.ts'
import { DATABASES } from '../../support/databases.ts'
import { openTestLog, recordLink } from '../../support/test-log.ts'

const CHILD = fileURLToPath(new URL('../../support/child-recorder.ts', import.meta.url))
const EACH = 150

describe.each(DATABASES)('processes that share a database on $engine', (engine) => {
  it('write one log together, each event once and every said one in it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'artifactstore-processes-'))
    const { location, drop } = await engine.create(folder)
    await migrate({ location, migrations: MIGRATIONS, views: VIEWS })
    const said = await Promise.all(
      ['x', 'y'].map(async (name) => {
        const args = [CHILD, JSON.stringify(location), name, String(EACH)]
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
        const exit = once(child, 'exit')
        const lines = (await text(child.stdout)).split('\n').filter(Boolean)
        expect((await exit)[0]).toBe(0)
        return lines
      }),
    )
    const database = await openDatabase(location, { durability: 'durable' })
    const rows = await database.reader.all<{ blake3: string }>('SELECT blake3 FROM repository_blobs ORDER BY blake3')
    expect(rows.map((row) => row.blake3)).toEqual(said.flat().sort())
    expect(await verifyLog(database.reader)).toEqual({ events: 2 * EACH, head: 2 * EACH })
    expect((await verifyViews(database, VIEWS)).differences).toEqual([])
    await database.close()
    await drop()
    await rm(folder, { recursive: true, force: true })
  })

  it('wait for one another without standing still', async () => {
    const log = await openTestLog(engine)
    const other = await log.second()
    await other.database.writer.begin()
    await other.database.reader.get('SELECT 1')
    await other.database.writer.get(`SELECT sequence FROM log_head${other.database.traits.lockHead}`)
    let turns = 0
    const ticking = setInterval(() => {
      turns += 1
    }, 5)
    const waiting = recordLink(log.recorder, 'a')
    await sleep(250)
    expect(log.gate.begun).toBe(0)
    expect(turns).toBeGreaterThan(10)
    await other.database.writer.rollback()
    clearInterval(ticking)
    expect(await waiting).toBe('a')
    await log.close()
  })
})
