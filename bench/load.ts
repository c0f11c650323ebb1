/**
 * Load on paths of one server: wrk where it is installed, else autocannon, which is slower than some servers are. Every
 * status counts, and a sample of the bodies is hashed.
 */
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import autocannon from 'autocannon'
import type { Running } from './contestant.ts'
import { removeFolder, runChild, temporaryFolder } from './processes.ts'
import { ACCEPT, PushClient, sha256 } from './push-client.ts'
import { repeated } from './repeat.ts'

export interface Load {
  /** Taken in turn; a connection takes the next one that no other has taken. */
  readonly paths: readonly string[]
  readonly seconds: number
  readonly connections?: number
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  /** What is expected: 206 where a range is asked for. */
  readonly status?: number
  /** Of the body of the first path; absent where it is not the same everywhere. */
  readonly digest?: string
  /** Where reading it once more takes longer than all the load: only the generator looks at the answers then. */
  readonly isUnread?: true
}

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly bytesPerSecond: number
  /** Milliseconds. */
  readonly p99: number
}

export const hasWrk = spawnSync('wrk', ['--version']).error === undefined
/** The generator's name, as a report calls it. */
export const GENERATOR = hasWrk
  ? 'wrk -t1'
  : 'autocannon (wrk is not installed; it is slower than some of these servers)'

/** Throws when any answer is not what is expected: the figures would be worthless. */
export async function load(server: Running, options: Load): Promise<LoadResult> {
  await requireAnswer(server, options)
  const result = await generate(server, options)
  // Of large bodies a second of load may complete none.
  if (!(result.requestsPerSecond > 0 || result.bytesPerSecond > 0)) {
    throw new Error(`${server.url}${options.paths[0]} answered nothing in ${options.seconds} s of load`)
  }
  if (result.failures > 0) {
    throw new Error(
      `${result.failures} requests to ${server.url}${options.paths[0]} failed: the figures would be worthless`,
    )
  }
  await requireAnswer(server, options)
  return result
}

async function requireAnswer(server: Running, asked: Load): Promise<void> {
  const { paths, method = 'GET', headers, status = 200, digest, isUnread } = asked
  if (isUnread) return
  const client = new PushClient(server)
  try {
    const { body } = await client.send(method, paths[0]!, { expected: status, ...(headers && { headers }) })
    if (digest === undefined || method === 'HEAD') return
    const got = sha256(body)
    if (got !== digest) throw new Error(`${server.url}${paths[0]} has the digest ${got} where ${digest} belongs`)
  } finally {
    client.close()
  }
}

function generate(server: Running, options: Load): Promise<Counted> {
  // wrk waits for the body that an answer to HEAD announces and does not have.
  if (options.method === 'HEAD') return withOwnClients(server, options)
  return hasWrk ? withWrk(server, options) : withAutocannon(server, options)
}

async function withOwnClients(server: Running, options: Load): Promise<Counted> {
  const { paths, seconds, connections = 16, method = 'GET', headers = {}, status = 200 } = options
  const { value, p99 } = await repeated(server, { clients: connections, seconds }, (client, { lane, n }) =>
    client.send(method, paths[(lane + n) % paths.length]!, { expected: status, headers }),
  )
  return { requestsPerSecond: value, bytesPerSecond: 0, p99: p99 ?? 0, failures: 0 }
}

interface Counted extends LoadResult {
  readonly failures: number
}

async function withWrk(server: Running, options: Load): Promise<Counted> {
  const { paths, seconds, connections = 16, headers = {} } = options
  const folder = await temporaryFolder()
  try {
    const [script, list] = [join(folder, 'requests.lua'), join(folder, 'paths')]
    await writeFile(list, paths.join('\n'))
    await writeFile(script, luaOf(list, options))
    // wrk takes whole seconds only.
    const args = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--timeout', '30s', '-s', script]
    for (const [name, value] of Object.entries({ ...server.headers, ...ACCEPT, ...headers }))
      args.push('-H', `${name}: ${value}`)
    const { stdout, stderr } = await runChild('wrk', [...args, new URL(paths[0]!, server.url).href])
    const counted = /^result (.*)$/m.exec(stdout)?.[1]
    if (counted === undefined) throw new Error(`wrk said no result: ${stdout}${stderr}`)
    const { requests, bytes, microseconds, failures, p99 } = JSON.parse(counted) as Record<string, number>
    const taken = microseconds! / 1e6
    return {
      requestsPerSecond: requests! / taken,
      bytesPerSecond: bytes! / taken,
      p99: p99! / 1_000,
      failures: failures!,
    }
  } finally {
    await removeFolder(folder)
  }
}

/**
 * wrk itself takes a status of 400 and more for a failure. Reading each status costs it some of its speed, so that only
 * a load that expects another one than 200 does it.
 */
function luaOf(list: string, { method = 'GET', status = 200 }: Load): string {
  const counted = 'function response(code) if code ~= expected then wrong = wrong + 1 end end'
  return `wrk.method = "${method}"
expected, wrong = ${status}, 0
local made, next, threads = {}, 0, {}
function setup(thread) table.insert(threads, thread) end
function init()
  for path in io.lines(${JSON.stringify(list)}) do table.insert(made, wrk.format(nil, path)) end
end
function request()
  next = next % #made + 1
  return made[next]
end
${status === 200 ? '' : counted}
function done(summary, latency)
  local errors, unexpected = summary.errors, 0
  for _, thread in ipairs(threads) do unexpected = unexpected + thread:get("wrong") end
  io.write(string.format('\\nresult {"requests":%d,"bytes":%d,"microseconds":%d,"p99":%d,"failures":%d}\\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout + unexpected))
end
`
}

async function withAutocannon(server: Running, options: Load): Promise<Counted> {
  const { paths, seconds, connections = 16, method = 'GET', headers = {}, status = 200 } = options
  const result = await autocannon({
    url: server.url,
    connections,
    duration: seconds,
    timeout: 30,
    headers: { ...server.headers, ...ACCEPT, ...headers },
    requests: paths.map((path) => ({ method, path })),
  })
  const answered = result.requests.total
  const expected = (result.statusCodeStats as Record<string, { count?: number }>)[String(status)]?.count ?? 0
  return {
    requestsPerSecond: answered / result.duration,
    bytesPerSecond: result.throughput.total / result.duration,
    p99: result.latency.p99,
    failures: result.errors + result.timeouts + (answered - expected),
  }
}
