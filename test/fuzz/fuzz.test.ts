/** A short run of the fuzzer with every test run; `npm run fuzz` is the long one. */
import { expect, test } from 'vitest'
import { runFuzz } from './run.ts'

const SEED = Number(process.env.ARTIFACTSTORE_FUZZ_SEED ?? Date.now() % 1_000_000_007)

test('nothing that a client can send breaks the registry or leaves in it what was not acknowledged', async () => {
  console.log(`fuzz: ARTIFACTSTORE_FUZZ_SEED=${SEED}`)
  const report = await runFuzz({ requests: 5_000, seed: SEED })
  expect(report.problems).toEqual([])
  // A run in which nothing worked would find nothing either.
  for (const status of ['200', '201', '202', '401', '403', '404']) expect(report.statuses[status]).toBeGreaterThan(20)
}, 120_000)
