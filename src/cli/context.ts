/** What a command works with: its streams, its settings, its server. One value, so that tests can run commands whole. */
import type { ApiClient } from './api-client.ts'
import type { CliFailure } from './failure.ts'
import type { RetryPolicy } from './retry.ts'
import { formatTable, type OutputStream, printable } from './terminal.ts'

/** The client's slice of the configuration. */
export interface ClientSettings {
  readonly apiUrl: string
  readonly apiToken?: string
  readonly tokenFile: string
  readonly configFolder: string
  readonly stateFolder: string
  readonly color: boolean
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly apiUrl?: string
  readonly token?: string
  readonly json?: boolean
  readonly quiet?: boolean
  /** Commander's `--no-color`. */
  readonly color?: boolean
}

export interface Streams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

export interface Progress {
  readonly done: number
  readonly total: number
}

/** The commands that open the store, carried out by whoever starts the command line (core-rules 24). */
export interface StoreCommands {
  serve(): Promise<void>
  migrate(options: { fresh: boolean }): Promise<{ readonly applied: readonly string[] }>
  replay(onProgress: (progress: Progress) => void): Promise<{
    readonly sequence: number
    readonly events: number
    readonly changedRows: number
  }>
  verifyViews(onProgress: (progress: Progress) => void): Promise<{
    readonly sequence: number
    readonly rows: number
    readonly differences: readonly {
      readonly view: string
      readonly table: string
      readonly key: string
      readonly live: string | null
      readonly rebuilt: string | null
    }[]
  }>
  verifyLog(onProgress: (progress: Progress) => void): Promise<{
    readonly events: number
    readonly head: number
    readonly brokenAt?: number
    readonly problem?: string
  }>
  /** Marks what is over as eligible for deletion, in the configured database. */
  sweepRetention(options: { dryRun: boolean }): Promise<{
    readonly dryRun: boolean
    readonly eligible: number
    readonly held: number
    readonly packages: readonly string[]
  }>
  confirmClock(): Promise<{ readonly now: string }>
  /** Throws when the configuration is not valid. */
  configuration(): {
    readonly settings: readonly { name: string; path: string; value: string; origin: string }[]
    readonly warnings: readonly string[]
  }
}

/** What the command line is handed by whoever starts it. */
export interface CliEnvironment {
  readonly cwd: string
  readonly version: string
  /** Read only by commands that need it. Throws when the configuration is not valid. */
  readonly settings: () => ClientSettings
  readonly store: StoreCommands
  /** Words for errors of other layers. */
  readonly explain?: (error: unknown) => CliFailure | undefined
  readonly streams?: Streams
  /** In place of a minute of waiting. */
  readonly retry?: RetryPolicy
}

export interface CommandContext extends Streams {
  readonly cwd: string
  readonly version: string
  readonly options: GlobalOptions
  readonly settings: ClientSettings
  readonly store: StoreCommands
  /** `patient`: tries for about a minute while the server is away, and says so. */
  readonly connect: (options?: { patient?: boolean }) => ApiClient
  readonly apiUrl: string
  /** Lines for people, on stderr; nothing with --quiet or --json. */
  readonly note: (line: string) => void
  /** Warnings, on stderr; also with --quiet. */
  readonly warn: (line: string) => void
  /** The result, on stdout: a value with --json, else the text. */
  readonly result: (value: unknown, text: () => string) => void
  readonly table: (header: readonly string[], rows: readonly (readonly string[])[]) => string
}

export function outputOf(streams: Streams, options: GlobalOptions) {
  return {
    note: (line: string) => {
      if (!options.quiet && !options.json) streams.stderr.write(`${printable(line)}\n`)
    },
    warn: (line: string) => {
      if (options.json) streams.stderr.write(`${JSON.stringify({ warning: line })}\n`)
      else streams.stderr.write(`warning: ${printable(line)}\n`)
    },
    result: (value: unknown, text: () => string) => {
      const shown = options.json ? JSON.stringify(value) : text()
      if (shown !== '') streams.stdout.write(`${shown}\n`)
    },
    table: (header: readonly string[], rows: readonly (readonly string[])[]) =>
      formatTable(header, rows, streams.stdout.isTTY ? (streams.stdout.columns ?? 80) : undefined),
  }
}
