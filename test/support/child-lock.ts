/**
 * A process that takes the serve lock, says so, and holds it until it is killed.
 *
 *     node child-lock.ts <lock file>
 */
import { writeSync } from 'node:fs'
import { takeServeLock } from '../../src/registry/index.ts'

takeServeLock(process.argv[2]!, 'The database')
writeSync(1, 'held\n')
setInterval(() => undefined, 60_000)
