/** What an operator is told at start about a database that may lose what was acknowledged (core-rules 8). */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/registry/index.ts'
import { DATABASES } from '../../support/databases.ts'

describe.each(DATABASES)('the durability of $engine', ({ engine, create }) => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'risk-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('is doubted in a sentence exactly where the engine is set up to lose commits', async () => {
    const { location, drop } = await create(folder)
    const database = await openDatabase(location, { durability: 'durable' })
    const risk = await database.durabilityRisk()
    // The PostgreSQL of the test run has fsync off, which is just such a set-up.
    const fsync = engine === 'sqlite' ? 'on' : (await database.reader.get<{ fsync: string }>('SHOW fsync'))?.fsync
    if (fsync === 'on') expect(risk).toBeUndefined()
    else expect(risk).toContain('can lose acknowledged packages')
    await database.close()
    await drop()
  })
})
