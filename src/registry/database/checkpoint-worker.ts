/** Checkpoints the WAL away from the event loop: a checkpoint syncs two files, which takes what the disk takes. */
import { parentPort, workerData } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'

const { path } = workerData as { path: string }
const connection = new Sqlite(path, { timeout: 1_000 })
connection.pragma('synchronous = NORMAL')
connection.pragma('wal_autocheckpoint = 0')

parentPort?.on('message', (mode: 'PASSIVE' | 'RESTART' | 'TRUNCATE') => {
  // A busy answer is no failure: readers or writers were in the way and the next request tries again.
  parentPort?.postMessage(connection.pragma(`wal_checkpoint(${mode})`))
})
