/** One combination: a server and a database of its own, the suite against it, its rows. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ServerProcess } from '../test/cli/server-process.ts'
import { type Door, loggedRequests, objectionTo, SECRET, USER, WAYS } from './access.ts'
import { type Combination, nameOf } from './combinations.ts'
import type { Databases } from './databases.ts'
import type { Expected } from './expected.ts'
import { judgeNewest, newestEnvironment } from './newest-suite.ts'
import { judgeOlder, olderEnvironment } from './older-suite.ts'
import { failure, type Outcome, type Row } from './outcome.ts'

/** A suite takes seconds; one that hangs is ended. */
const LIMIT_MS = 10 * 60 * 1000

export interface Bench {
  readonly binary: string
  readonly databases: Databases
  readonly expected: Expected
  /** Where the reports and the server's log of a combination that failed are kept. */
  readonly kept: string
}

/** What goes wrong around the suite is a failed row too: the other combinations still run. */
export async function runCombination(combination: Combination, bench: Bench): Promise<Outcome> {
  const started = performance.now()
  const name = nameOf(combination)
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  const rows = await withServer(combination, { ...bench, folder }).catch((error: Error) => [
    failure('the run', error.message),
  ])
  const kept = join(bench.kept, name.replaceAll(' ', '-'))
  await rm(kept, { recursive: true, force: true })
  if (rows.some(({ outcome }) => outcome === 'failed')) {
    await mkdir(kept, { recursive: true })
    await cp(join(folder, 'results'), kept, { recursive: true }).catch(ignoreMissing)
  }
  await rm(folder, { recursive: true, force: true })
  return { combination: name, rows, seconds: (performance.now() - started) / 1000 }
}

async function withServer(combination: Combination, bench: Bench & { folder: string }): Promise<readonly Row[]> {
  const { folder, databases } = bench
  const way = WAYS[combination.access]
  const results = join(folder, 'results')
  await mkdir(results)
  const settings = await way.server(folder)
  const database = await databases.create(combination.engine, folder)
  let server: ServerProcess | undefined
  try {
    server = await ServerProcess.start({
      ARTIFACTSTORE_AUTH_TOKENS: `${USER}:${SECRET}`,
      ARTIFACTSTORE_DATABASE_URL: database.url,
      ARTIFACTSTORE_LOG_LEVEL: 'INFO',
      ...settings,
    })
    const door = way.door(`127.0.0.1:${server.port}`, folder)
    const rows = await judged(combination, { ...bench, door, results })
    await server.stop('SIGTERM')
    const objection = objectionTo(combination.access, loggedRequests(server.stdout))
    return objection === undefined ? rows : [...rows, failure(`access: ${combination.access}`, objection)]
  } finally {
    if (server !== undefined) await writeFile(join(results, 'server.log'), server.stdout + server.stderr)
    await server?.remove()
    await database.drop()
  }
}

interface Place extends Bench {
  readonly folder: string
  readonly door: Door
  readonly results: string
}

async function judged({ suite, level }: Combination, { door, results, folder, binary, expected }: Place) {
  if (suite === 'v1.1.1') {
    const said = await runSuite(binary, { folder, env: olderEnvironment(door, results) })
    return judgeOlder(results, expected[suite], said)
  }
  const said = await runSuite(binary, { folder, env: newestEnvironment(level ?? 'dev', door, results) })
  return judgeNewest(results, expected[suite], said)
}

/** The end of what it said. Whether it failed is read from its reports, never from its exit code. */
async function runSuite(binary: string, options: { folder: string; env: Record<string, string> }): Promise<string> {
  // Nothing of the caller's environment: variables of a suite that are set there would change what is tested.
  const settings = { cwd: options.folder, env: options.env, timeout: LIMIT_MS, maxBuffer: 256 * 1024 * 1024 }
  try {
    const { stdout, stderr } = await promisify(execFile)(binary, settings)
    return ending(stderr || stdout)
  } catch (error) {
    const { code, killed, stdout, stderr, message } = error as Error & Record<string, unknown>
    if (typeof code !== 'number') {
      throw new Error(killed ? `the suite was ended after ${LIMIT_MS / 1000} s` : `the suite did not run: ${message}`)
    }
    return ending(String(stderr || stdout))
  }
}

function ending(text: string): string {
  return text.trim().slice(-1_000) || 'nothing'
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
