/** `go build` and `go test -c` of a suite: into place in one step, and with a message that says what to do when it fails. */
import { execFile } from 'node:child_process'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Suite } from './suites.ts'

export interface BuildPlace {
  readonly source: string
  readonly target: string
  readonly version: string
}

export async function build(suite: Suite, { source, target, version }: BuildPlace): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  // Two runs may build at once: each its own, and the later replaces the earlier by the same.
  const part = `${target}.${process.pid}.part`
  const flags = ['-trimpath', '-ldflags', `-s -w -X '${suite.versionSymbol}=${version}'`, '-o', part, '.']
  // The sources may lie in a folder that cannot be written, or in a checkout whose go.work means something else.
  const env = { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', CGO_ENABLED: '0' }
  try {
    await run('go', [...suite.goCommand, ...flags], { cwd: source, env })
    await rename(part, target)
  } catch (error) {
    await rm(part, { force: true })
    throw new Error(
      `The conformance suite ${suite.version} could not be built in ${source}. It needs Go 1.24 or later and the modules ` +
        `of its go.mod; a built one can be given in ${suite.variable}.\n${(error as Error).message}`,
      { cause: error },
    )
  }
}

/** Runs a program to its end; throws with what it said, or that it is not there. */
export async function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<void> {
  try {
    await promisify(execFile)(program, args, { ...options, maxBuffer: 64 * 1024 * 1024 })
  } catch (error) {
    const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string }
    if (code === 'ENOENT') throw new Error(`${program} is not installed, or not in PATH.`, { cause: error })
    throw new Error(`${program} ${args[0]} said: ${stderr?.trim() || message}`, { cause: error })
  }
}
