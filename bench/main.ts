/**
 * `npm run bench [-- --quick] [--only name,name] [--write]`: each workload as a ratio against what this machine can do,
 * in the same run. Prints the table; `--write` also puts it into docs/performance.md (with `--only`, the rows of those
 * workloads alone). Never asserts.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { hasWrk } from './load.ts'
import { type Figure, table, updatedTable } from './report.ts'
import { authentication } from './workloads/authentication.ts'
import { blobGet } from './workloads/blob-get.ts'
import { blobPush } from './workloads/blob-push.ts'
import { idle } from './workloads/idle.ts'
import { manifestGet } from './workloads/manifest-get.ts'
import { manyUploads } from './workloads/many-uploads.ts'
import { pages } from './workloads/pages.ts'
import { replayEvents } from './workloads/replay.ts'
import { smallPackages } from './workloads/small-packages.ts'

const WORKLOADS = {
  idle,
  'manifest-get': manifestGet,
  authentication,
  pages,
  'blob-get': blobGet,
  'many-uploads': manyUploads,
  'small-packages': smallPackages,
  replay: replayEvents,
  'blob-push': blobPush,
} as const

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const names = values.only?.split(',') ?? Object.keys(WORKLOADS)
const figures: Figure[] = []
if (!hasWrk)
  console.log('wrk is not installed: load comes from this process and is lower than the servers could answer\n')
for (const name of names) {
  const workload = WORKLOADS[name as keyof typeof WORKLOADS]
  if (!workload) throw new Error(`no workload '${name}': there are ${Object.keys(WORKLOADS).join(', ')}`)
  console.error(`${name} …`)
  const measured = await workload({ quick: values.quick })
  console.log(`${table(measured)}\n`)
  figures.push(...measured)
}
if (values.write) {
  const document = new URL('../docs/performance.md', import.meta.url)
  await writeFile(
    document,
    page(values.only ? updatedTable(await readFile(document, 'utf8'), figures) : table(figures)),
  )
}

function page(rows: string): string {
  return `# Performance

Measured by \`npm run bench -- --write\`. Durable mode, authentication on. Each figure is a median of rounds, its spread half
the distance between the slowest and the fastest. Limits are measured in the same rounds, and a ratio is the median of the
rounds' own ratios, because machines differ and drift. Rows of different runs compare by their ratios alone.

${rows}
${notes()}`
}

function notes(): string {
  return `
What bounds them, where that is known:

- Memory idle: half of it is Node's own program text. The server runs with \`--max-semi-space-size=2\`, as \`npm start\` does;
  without that flag it is some MiB more (98 against 110 in one measurement, no request made).
- Manifest GET: the socket. In a profile of both, a write took 27 µs here and 17 µs in the bare server, which writes without
  a pause, so that its receiver never sleeps. Small answers therefore leave together at the end of a turn of the event loop.
- Blob push: receiving, hashing (BLAKE3 and SHA-256 on a thread) and writing share two cores with the client of the
  benchmark. Where SHA-256 or the disk is slower than these, it is the bound; where both are faster, processor time is.
- Small packages: the disk's flushes. A package waits for three log flushes and two blobs, one after the other; clients
  share the log flushes.
- Replay: pages written by COMMIT. Keys are digests, so that each transaction touches most index pages; a short log
  replays faster (21,000 events/s at 8,000 events).
`
}
