/**
 * A process that writes to a local store until a failpoint kills it, and says what it was promised after each promise.
 * Bodies come from their seed, so the parent can make them again.
 *
 *     node child-writer.ts <root> <failpoints> uploads|received
 */
import { writeSync } from 'node:fs'
import { armFailpoints } from '../../../src/storage/index.ts'
import { openLocalStore } from '../../../src/storage/local/index.ts'
import { addressOf, bytesOf, contentOf } from '../../support/bytes.ts'

const [root, failpoints, kind] = process.argv.slice(2)

/** Synchronous, because what is said must be out before the process may be killed. */
function say(promise: object): void {
  writeSync(1, `${JSON.stringify(promise)}\n`)
}

const { blobs, uploads } = await openLocalStore({ root: root!, durability: 'durable' })
armFailpoints(failpoints!)

for (const seed of [1, 2]) {
  const body = bytesOf(300_000, seed)
  await blobs.put(addressOf(body), body.length, contentOf(body))
  say({ blob: seed })
}

if (kind === 'received') {
  for (const seed of [5, 6, 5]) {
    const body = bytesOf(300_000, seed)
    await (await uploads.receive(contentOf(body))).commit(addressOf(body), body.length)
    say({ blob: seed })
  }
  process.exit()
}

for (const seed of [3, 4]) {
  const body = bytesOf(300_000, seed)
  const id = `upload-${seed}`
  await uploads.create(id)
  let at = 0
  for (const size of [100_000, 1, 149_999]) {
    at = await uploads.append(id, at, contentOf(body.subarray(at, at + size)))
    say({ id, seed, size: at })
  }
  await uploads.append(id, at, contentOf(body.subarray(at)), { ends: true })
  await uploads.commit(id, addressOf(body), body.length)
  say({ blob: seed, id })
}
