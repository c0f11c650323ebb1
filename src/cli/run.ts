/** One command line to its exit code: the one place that prints failures. */
import { problemType } from '../native-api/wire.ts'
import type { CliEnvironment, Streams } from './context.ts'
import { type CliFailure, EXIT, type ExitCode, failureOf } from './failure.ts'
import { printable } from './terminal.ts'

/** Runs one command line and resolves with its exit code. Never throws. */
export async function run(argv: readonly string[], environment: CliEnvironment): Promise<ExitCode> {
  const streams = environment.streams ?? process
  try {
    if (isServeAlone(argv)) {
      await environment.store.serve()
      return EXIT.ok
    }
    const { runProgram } = await import('./program.ts')
    return await runProgram(argv, environment, streams)
  } catch (error) {
    const failure = environment.explain?.(error) ?? failureOf(error)
    print(failure, streams, argv.includes('--json'))
    return failure.exit
  }
}

/** A server needs none of the commands, which take 90 ms and 10 MiB to load. With any option it is parsed like all others. */
function isServeAlone(argv: readonly string[]): boolean {
  return argv.length === 1 && argv[0] === 'serve'
}

/** One sentence, or with --json one problem document (RFC 9457) with the exit code beside it. */
function print(failure: CliFailure, streams: Streams, asJson: boolean): void {
  if (!asJson) {
    const lines = failure.message.split('\n').map(printable)
    streams.stderr.write(`error: ${lines.join('\n')}\n`)
    return
  }
  const problem = failure.problem ?? { type: problemType(failure.code), title: failure.code, detail: failure.message }
  const problems = failure.problems ? { problems: failure.problems } : {}
  streams.stderr.write(`${JSON.stringify({ ...problem, ...problems, exit_code: failure.exit })}\n`)
}
