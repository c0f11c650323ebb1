/**
 * Child process of the benchmark: `bytes <file> <headers>`, `file <file> <size>` or `loop <file> <size>`, each with `[workers]`; prints its URL when
 * all workers listen, ends with stdin.
 */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { bareBytes, bareFile, bareLoop } from './limits.ts'

const [kind, first, second, workers = '1'] = process.argv.slice(2)
if (cluster.isPrimary) {
  const url = workers === '1' ? (await serve()).url : await serveWithWorkers(Number(workers))
  process.stdout.write(`${url}\n`)
  process.stdin.on('end', () => process.exit())
  process.stdin.resume()
} else {
  await serve()
}

function serve(): ReturnType<typeof bareBytes> {
  if (kind === 'file') return bareFile(first!, Number(second))
  if (kind === 'loop') return bareLoop(first!, Number(second))
  return bareBytes(readFileSync(first!), JSON.parse(second ?? '{}') as Record<string, string>)
}

/** Port 0 is the same free port for all of them. They end with this process. */
async function serveWithWorkers(count: number): Promise<string> {
  const forked = Array.from({ length: count }, () => cluster.fork())
  const listening = await Promise.all(forked.map((worker) => once(worker, 'listening')))
  const [{ port }] = listening[0] as [{ port: number }]
  return `http://127.0.0.1:${port}/`
}
