/**
 * A process that may read a local store and not write to it: reports how each call ends, as one line of JSON.
 *
 *     node child-read-only.ts <root> <digest>
 */
import { canTellHealth, parseDigest } from '../../../src/storage/index.ts'
import { openLocalStore } from '../../../src/storage/local/index.ts'
import { addressOf, bytesOf, contentOf, readAll, toArray } from '../../support/bytes.ts'

const NOBODY = 65_534

// After the imports, because the checkout may be readable to its owner only.
if (process.getuid?.() === 0) {
  process.setgroups?.([])
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}

const [root, text] = process.argv.slice(2)
const digest = parseDigest(text!)!
const { blobs, uploads } = await openLocalStore({ root: root!, durability: 'durable' })
const other = bytesOf(1_000, 4)

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'succeeded',
    (error: { code?: unknown }) => error.code,
  )
}

console.log(
  JSON.stringify({
    healthy: canTellHealth(blobs) && (await blobs.health()).healthy,
    stat: await blobs.stat(digest),
    read: (await readAll(await blobs.open(digest))).length,
    listed: (await toArray(blobs.list())).length,
    append: await codeOf(uploads.append('u', 0, contentOf(other))),
    commit: await codeOf(uploads.commit('u', addressOf(other), 400_000)),
    create: await codeOf(uploads.create('v')),
    discard: await codeOf(uploads.discard('u')),
    put: await codeOf(blobs.put(addressOf(other), other.length, contentOf(other))),
    quarantine: await codeOf(blobs.quarantine(digest)),
    remove: await codeOf(blobs.remove(digest)),
  }),
)
