/** Waits until a started server answers. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { stopChild } from './processes.ts'

const PATIENCE_MS = 60_000

export interface AnswerOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** What the server has said, for the error of one that does not come up. */
  readonly said?: () => Promise<string>
}

/** Any answer counts but a 5xx, with which a server says that it is not ready. One that does not come up is stopped. */
export async function untilAnswered(url: string, child: ChildProcess, options: AnswerOptions = {}): Promise<void> {
  const { headers, said = async () => '' } = options
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const failed = failure(child) ?? (Date.now() > until ? `did not answer in ${PATIENCE_MS / 1_000} s` : undefined)
    if (failed) {
      await stopChild(child)
      throw new Error(`${child.spawnfile} ${failed} ${await said()}`.trim())
    }
    if (await isAnswered(url, headers)) return
    await sleep(5)
  }
}

function failure({ pid, exitCode, signalCode }: ChildProcess): string | undefined {
  if (pid === undefined) return 'could not be started'
  if (exitCode === null && signalCode === null) return undefined
  return `ended with ${exitCode ?? signalCode} before it answered`
}

async function isAnswered(url: string, headers: AnswerOptions['headers']): Promise<boolean> {
  try {
    const answer = await fetch(url, { headers })
    await answer.arrayBuffer()
    return answer.status < 500
  } catch {
    return false
  }
}
