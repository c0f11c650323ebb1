/** A command line run in this process, with the settings its environment gives: as the real one, without its start. */
import { PassThrough, Readable } from 'node:stream'
import { run, type StoreCommands } from '../../src/cli/index.ts'
import type { RetryPolicy } from '../../src/cli/retry.ts'
import { loadClientConfig } from '../../src/config.ts'
import type { CommandResult } from './server-process.ts'

const nobody = () => Promise.reject(new Error('this command opens the store: start it as a process'))
const NO_STORE: StoreCommands = {
  serve: nobody,
  migrate: nobody,
  replay: nobody,
  verifyViews: nobody,
  verifyLog: nobody,
  sweepRetention: nobody,
  confirmClock: nobody,
  configuration: () => ({ settings: [], warnings: [] }),
}

export async function commandHere(
  args: readonly string[],
  options: {
    cwd: string
    env: Readonly<Record<string, string>>
    stdin?: string | Buffer
    retry?: RetryPolicy
  },
): Promise<CommandResult> {
  const { cwd, env, stdin = '', retry } = options
  const stdout = collect()
  const stderr = collect()
  const input = Readable.from(stdin.length === 0 ? [] : [Buffer.from(stdin)]) as unknown as NodeJS.ReadStream
  const code = await run(args, {
    cwd,
    version: '0.0.0',
    settings: () => loadClientConfig({ cwd, env }),
    store: NO_STORE,
    streams: { stdin: input, stdout: stdout.stream, stderr: stderr.stream },
    ...(retry ? { retry } : {}),
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

function collect(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough()
  const pieces: Buffer[] = []
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  return { stream, text: () => Buffer.concat([...pieces, stream.read() ?? Buffer.alloc(0)]).toString() }
}
