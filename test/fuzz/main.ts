/**
 * `npm run fuzz [-- --requests 1000000 --seed 7 --connections 12]`: attacks `/v2/` and `/token` of a registry in this
 * process. The seed is printed; ARTIFACTSTORE_FUZZ_SEED sets it too. Exits with 1 when anything was wrong.
 */
import { parseArgs } from 'node:util'
import { runFuzz } from './run.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: process.env.ARTIFACTSTORE_FUZZ_SEED ?? String(Date.now() % 1_000_000_007) },
    connections: { type: 'string', default: '12' },
  },
})
const [requests, seed, connections] = [values.requests, values.seed, values.connections].map(Number) as [
  number,
  number,
  number,
]
if (![requests, seed, connections].every((number) => Number.isSafeInteger(number) && number >= 0)) {
  throw new Error('--requests, --seed and --connections are whole numbers')
}
console.log(`seed ${seed}, ${requests} requests`)
const onProgress = (done: number) => done % 50_000 === 0 && console.log(`${done} …`)
const report = await runFuzz({ requests, seed, connections, onProgress })
const rate = Math.round(requests / report.seconds)
console.log(
  `${report.seconds.toFixed(1)} s, ${rate} requests/s, memory ${report.memory.early} -> ${report.memory.late} MiB`,
)
console.log(JSON.stringify(report.statuses))
for (const problem of report.problems) console.log(`PROBLEM ${problem}`)
console.log(report.problems.length === 0 ? 'nothing wrong' : `${report.problems.length} problems with seed ${seed}`)
process.exitCode = report.problems.length === 0 ? 0 : 1
