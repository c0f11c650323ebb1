/** The command line: a client of the native API, and the words for the commands that open the store. */
export type { ClientSettings, StoreCommands } from './context.ts'
export { CliError, type CliFailure, EXIT, EXIT_MEANINGS, type ExitCode } from './failure.ts'
export { buildProgram, type CliEnvironment, run } from './program.ts'
