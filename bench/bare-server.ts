/** Child process of the benchmark: `bytes <length> <headers>` or `file <path> <size>`; prints its URL, ends with stdin. */
import { bareBytes, bareFile } from './limits.ts'

const [kind, first, second] = process.argv.slice(2)
const server =
  kind === 'bytes'
    ? await bareBytes(Buffer.alloc(Number(first), 97), JSON.parse(second ?? '{}') as Record<string, string>)
    : await bareFile(first!, Number(second))
process.stdout.write(`${server.url}\n`)
process.stdin.on('end', () => process.exit())
process.stdin.resume()
