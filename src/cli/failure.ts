/** How a command fails: a closed list of exit codes, and the one error that carries them. */

/** Documented in `docs/cli.md` and in `artifactstore --help`; scripts depend on the numbers. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  unreachable: 6,
  contentMismatch: 7,
  unverified: 8,
  configuration: 78,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'failed',
  2: 'the command line or a value in it is not valid',
  3: 'not found',
  4: 'not authenticated or not allowed',
  5: 'conflict with what is there',
  6: 'the server cannot be reached',
  7: 'content is not what its digest says, or changed under way; a signature is invalid',
  8: 'no signature by a known key',
  78: 'the configuration is not valid',
}

/** The outward form of a failure. `code` ends the `type` of the problem document that --json prints. */
export interface CliFailure {
  readonly code: string
  readonly message: string
  readonly exit: ExitCode
  readonly problems?: readonly string[]
  /** A problem document of the server, as it came. */
  readonly problem?: object
}

export class CliError extends Error {
  override readonly name = 'CliError'
  readonly failure: CliFailure

  constructor(failure: CliFailure, options: { cause?: unknown } = {}) {
    super(failure.message, options)
    this.failure = failure
  }
}

export function usageError(message: string): CliError {
  return new CliError({ code: 'usage', message, exit: EXIT.usage })
}

export function mismatchError(message: string): CliError {
  return new CliError({ code: 'content-mismatch', message, exit: EXIT.contentMismatch })
}

/** Any thrown value as a failure: never a stack trace. */
export function failureOf(error: unknown): CliFailure {
  if (error instanceof CliError) return error.failure
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException
    // Coded errors of the layers below speak in sentences; system errors name call and path.
    return {
      code: typeof code === 'string' ? code.toLowerCase() : 'failure',
      message: error.message,
      exit: EXIT.failure,
    }
  }
  return { code: 'failure', message: String(error), exit: EXIT.failure }
}

/** The exit code for an HTTP status. */
export function exitForStatus(status: number): ExitCode {
  if (status === 404 || status === 410) return EXIT.notFound
  if (status === 401 || status === 403) return EXIT.denied
  if (status === 409 || status === 412) return EXIT.conflict
  if (status === 400 || status === 413 || status === 415 || status === 422) return EXIT.usage
  if (status === 502 || status === 503 || status === 504) return EXIT.unreachable
  return EXIT.failure
}
