/**
 * A process that goes through the push flow until a failpoint kills it, and says what was acknowledged.
 *
 *     node child-push-flow.ts <folder> <location as JSON> <failpoints>
 */
import { writeSync } from 'node:fs'
import type { DatabaseLocation } from '../../src/registry/index.ts'
import { armFailpoints } from '../../src/storage/index.ts'
import { openTestRegistry } from './open-test-registry.ts'
import { pushFlow } from './push-flow.ts'

const [folder, location, failpoints] = process.argv.slice(2)
const { registry } = await openTestRegistry({
  folder: folder!,
  location: JSON.parse(location!) as DatabaseLocation,
  dependencies: {
    onFlushFailure: (error) => {
      throw error
    },
  },
})
armFailpoints(failpoints!)
for (const round of [1, 2, 3]) {
  // Synchronous, because what is said must be out before the process may be killed.
  await pushFlow(registry, round, (said) => writeSync(1, `${JSON.stringify(said)}\n`))
}
