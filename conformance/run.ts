/**
 * Runs the OCI conformance suite against a server of its own and compares its results with `expected.yaml`, so that a
 * regression, and a test that is silently skipped, is seen.
 *
 *     CONFORMANCE_BINARY=path/to/conformance npm run conformance
 *
 * The binary is `go build` in the folder `conformance` of opencontainers/distribution-spec.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { ServerProcess } from '../test/cli/server-process.ts'

type Results = Readonly<Record<'apis' | 'data', Readonly<Record<string, string>>>>

const TOKEN = 'conformance-token-0123456789'
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifact-store-clients')
const binary = process.env.CONFORMANCE_BINARY ?? join(cache, 'conformance')

async function results(): Promise<Results> {
  const server = await ServerProcess.start({ ARTIFACTSTORE_AUTH_TOKENS: TOKEN, ARTIFACTSTORE_LOG_LEVEL: 'INFO' })
  try {
    const env = {
      OCI_REGISTRY: `localhost:${server.port}`,
      OCI_TLS: 'disabled',
      OCI_USERNAME: 'conformance',
      OCI_PASSWORD: TOKEN,
      OCI_VERSION: 'dev',
      OCI_DATA_SPARSE: 'true',
      OCI_RESULTS_DIR: join(server.folder, 'results'),
    }
    // Its exit code says less than its report: a failing test is a difference below.
    await promisify(execFile)(binary, { env, cwd: server.folder, maxBuffer: 64 * 1024 * 1024 }).catch((error) => {
      if (error.code === 'ENOENT') throw error
    })
    return parse(readFileSync(join(server.folder, 'results/results.yaml'), 'utf8')) as Results
  } finally {
    await server.remove()
  }
}

function differences(expected: Results, actual: Results): string[] {
  return (['apis', 'data'] as const).flatMap((part) => {
    const names = new Set([...Object.keys(expected[part]), ...Object.keys(actual[part])])
    return [...names]
      .filter((name) => expected[part][name] !== actual[part][name])
      .map((name) => `${name}: ${actual[part][name] ?? 'not run'}, expected ${expected[part][name] ?? 'nothing'}`)
  })
}

const expected = parse(readFileSync(new URL('expected.yaml', import.meta.url), 'utf8')) as Results
const actual = await results()
const found = differences(expected, actual)
for (const line of found) console.log(line)
const count = Object.keys(actual.apis).length + Object.keys(actual.data).length
console.log(
  found.length === 0
    ? `All ${count} results are as expected.`
    : `${found.length} of ${count} results differ from conformance/expected.yaml.`,
)
if (found.length > 0) process.exitCode = 1
