/** The command line: a client of the native API, and the words for the commands that open the store. */
export type { CliEnvironment, ClientSettings, StoreCommands } from './context.ts'
export { CliError, type CliFailure, EXIT, EXIT_MEANINGS, type ExitCode } from './failure.ts'
export { run } from './run.ts'
