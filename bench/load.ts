/** Load on one URL: wrk where it is installed, else a loop of our own over keep-alive connections. Every status counts. */
import { execFile, spawnSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { promisify } from 'node:util'

export interface LoadOptions {
  readonly seconds: number
  readonly connections: number
  readonly headers?: Readonly<Record<string, string>>
  /** Other paths of the same server, taken at random; only `url` when absent. */
  readonly script?: string
}

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly bytesPerSecond: number
  readonly failures: number
}

export const hasWrk = spawnSync('wrk', ['--version']).error === undefined

export async function load(url: string, options: LoadOptions): Promise<LoadResult> {
  const result = hasWrk ? await withWrk(url, options) : await withNode(url, options)
  if (result.failures > 0)
    throw new Error(`${result.failures} requests to ${url} failed: the figures would be worthless`)
  return result
}

async function withWrk(url: string, { seconds, connections, headers = {}, script }: LoadOptions): Promise<LoadResult> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`]
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`)
  if (script) args.push('-s', script)
  const { stdout } = await promisify(execFile)('wrk', [...args, url])
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0)
  const unit =
    { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }[/Transfer\/sec:\s+[\d.]+(\w+)/.exec(stdout)?.[1] as 'B'] ?? 1
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    bytesPerSecond: number(/Transfer\/sec:\s+([\d.]+)/) * unit,
    failures: number(/Non-2xx or 3xx responses: (\d+)/) + number(/Socket errors:.*timeout (\d+)/),
  }
}

async function withNode(url: string, { seconds, connections, headers }: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const until = performance.now() + seconds * 1_000
  const total = { requests: 0, bytes: 0, failures: 0 }
  const once = (): Promise<void> =>
    new Promise((resolve) => {
      const sent = request(url, { agent, headers }, (response) => {
        response.on('data', (chunk: Buffer) => {
          total.bytes += chunk.length
        })
        response.on('end', () => {
          total.requests += 1
          if (response.statusCode !== 200) total.failures += 1
          resolve()
        })
      })
      sent.on('error', () => {
        total.failures += 1
        resolve()
      })
      sent.end()
    })
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) await once()
    }),
  )
  agent.destroy()
  return {
    requestsPerSecond: total.requests / seconds,
    bytesPerSecond: total.bytes / seconds,
    failures: total.failures,
  }
}
