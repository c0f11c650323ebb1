/** Child processes whose outcome a test judges. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** Runs a command to its end, whatever its exit code; -1 where it did not start or a signal ended it. */
export async function ran(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(command, args, { ...options, maxBuffer: 64 * 1024 * 1024 })
    return { stdout, stderr, code: 0 }
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: number | string }
    return { stdout, stderr: stderr || String(error), code: typeof code === 'number' ? code : -1 }
  }
}
