/** The commands, their options and what they are handed: argv to a command that has run. */
import { Command, CommanderError } from 'commander'
import { ApiClient } from './api-client.ts'
import { registerAccess } from './commands/access.ts'
import { registerCompletion } from './commands/completion.ts'
import { registerConfig } from './commands/config.ts'
import { registerEvents } from './commands/events.ts'
import { registerHealth } from './commands/health.ts'
import { registerHold } from './commands/hold.ts'
import { registerInspect } from './commands/inspect.ts'
import { registerJobs } from './commands/jobs.ts'
import { registerLogin } from './commands/login.ts'
import { registerManifest } from './commands/manifest.ts'
import { registerPackages } from './commands/packages.ts'
import { registerPull } from './commands/pull.ts'
import { registerPush } from './commands/push.ts'
import { registerRemove } from './commands/remove.ts'
import { registerRetention } from './commands/retention.ts'
import { registerStore } from './commands/store.ts'
import { registerTag } from './commands/tag.ts'
import { registerToken } from './commands/token.ts'
import { registerVerify } from './commands/verify.ts'
import { registerVersion } from './commands/version.ts'
import {
  type CliEnvironment,
  type ClientSettings,
  type CommandContext,
  type GlobalOptions,
  outputOf,
  type Streams,
} from './context.ts'
import { findToken } from './credentials.ts'
import { type CliError, EXIT, EXIT_MEANINGS, type ExitCode, usageError } from './failure.ts'
import { NO_RETRY, retryPolicy } from './retry.ts'

/** What a command does. What it resolves with is the exit code; nothing is 0. */
// biome-ignore lint/suspicious/noExplicitAny: commander hands over arguments untyped; each command states its own
export type Handler = (context: CommandContext, ...args: any[]) => Promise<ExitCode | undefined>
/** A handler as a commander action. */
export type Runner = (handler: Handler) => (...args: unknown[]) => Promise<void>

/** Runs one command line and resolves with its exit code. Throws what the command did, and a usage error for what is none. */
export async function runProgram(
  argv: readonly string[],
  environment: CliEnvironment,
  streams: Streams,
): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok
  const runner: Runner =
    (handler) =>
    async (...args) => {
      const command = args.at(-1) as Command
      const context = contextOf(environment, streams, command.optsWithGlobals<GlobalOptions>())
      // Commander passes positional arguments, then the options, then the command.
      exit = (await handler(context, ...args.slice(0, -1))) ?? EXIT.ok
    }
  const program = buildProgram(runner, streams, environment.version)
  try {
    if (argv.length === 0) program.help()
    await program.parseAsync(argv as string[], { from: 'user' })
    return exit
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.ok
    throw usageOf(error)
  }
}

export function buildProgram(runner: Runner, streams: Streams, version: string): Command {
  const program = new Command('artifactstore')
    .description('Push, pull and inspect packages of an artifact-store, and run one.')
    .option('--api-url <url>', 'the server (ARTIFACTSTORE_API_URL, else http://127.0.0.1:8000)')
    .option('--token <token>', 'bearer token (better: ARTIFACTSTORE_API_TOKEN, or artifactstore login)')
    .option('--json', 'results on stdout and errors on stderr as JSON')
    .option('--quiet', 'no progress and no notes')
    .option('--no-color', 'no colours (as does the variable NO_COLOR)')
    .helpOption('-h, --help', 'show help')
    .version(version, '-V, --version', 'print the version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      // Printed once, by `print`, in the form that was asked for.
      writeErr: () => {},
      getOutHelpWidth: () => streams.stdout.columns ?? 80,
    })
    .addHelpText('after', () => `\nExit codes:\n${exitCodeLines()}\n`)
  for (const register of REGISTRATIONS) register(program, runner)
  return program
}

const REGISTRATIONS = [
  registerPush,
  registerPull,
  registerPackages,
  registerInspect,
  registerVerify,
  registerManifest,
  registerTag,
  registerRetention,
  registerHold,
  registerRemove,
  registerToken,
  registerAccess,
  registerEvents,
  registerLogin,
  registerHealth,
  registerStore,
  registerJobs,
  registerConfig,
  registerCompletion,
  registerVersion,
]

function exitCodeLines(): string {
  return Object.entries(EXIT_MEANINGS)
    .map(([code, meaning]) => `  ${code.padEnd(3)} ${meaning}`)
    .join('\n')
}

function contextOf(environment: CliEnvironment, streams: Streams, options: GlobalOptions): CommandContext {
  const output = outputOf(streams, options)
  const retry =
    environment.retry ??
    retryPolicy((reason) => output.warn(`the server cannot go on yet (${reason}); trying again for up to a minute`))
  // Read when asked for, so that commands which need no server work whatever the configuration says.
  let settings: ClientSettings | undefined
  const context: CommandContext = {
    ...output,
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    cwd: environment.cwd,
    version: environment.version,
    options,
    store: environment.store,
    get settings() {
      settings ??= environment.settings()
      return settings
    },
    get apiUrl(): string {
      return options.apiUrl === undefined ? context.settings.apiUrl : parseApiUrl(options.apiUrl)
    },
    connect: ({ patient = false } = {}) =>
      new ApiClient({
        baseUrl: context.apiUrl,
        token: findToken(context.settings, context.apiUrl, options.token),
        retry: patient ? retry : NO_RETRY,
        userAgent: `artifactstore/${environment.version}`,
      }),
  }
  return context
}

function parseApiUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw usageError(`--api-url '${text}' is not the URL of a server; use for instance http://127.0.0.1:8000`)
  }
  return url.href.replace(/\/+$/, '')
}

function usageOf(error: CommanderError): CliError {
  const message = error.message.replace(/^error: /, '').replace('\n', ' ')
  const text = message === '(outputHelp)' ? 'a command is missing' : message
  return usageError(`${text}; see artifactstore --help`)
}
