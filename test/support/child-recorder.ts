/**
 * A process that records events into a log that others write too, and says each one when it is on disk.
 *
 *     node child-recorder.ts <location as JSON> <name> <count>
 */
import { writeSync } from 'node:fs'
import { type DatabaseLocation, openDatabase, systemIds, VIEWS } from '../../src/registry/index.ts'
import { createRecorder } from '../../src/registry/record.ts'
import { createApplier } from '../../src/registry/views/index.ts'
import { recordLink } from './test-log.ts'

const [location, name, count] = process.argv.slice(2)
const database = await openDatabase(JSON.parse(location!) as DatabaseLocation, { durability: 'durable' })
const recorder = createRecorder({
  database,
  apply: createApplier(VIEWS),
  clock: Date.now,
  ids: systemIds(Date.now),
  onFlushFailure: (error) => {
    throw error
  },
})

async function write(worker: number): Promise<void> {
  for (let n = worker; n < Number(count); n += 4) writeSync(1, `${await recordLink(recorder, `${name}.${n}`)}\n`)
}
await Promise.all([0, 1, 2, 3].map(write))
await recorder.close()
await database.close()
