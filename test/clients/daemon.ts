/** A client's own daemon, in a folder of its own, for as long as a test needs it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export interface DaemonOptions {
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Whether it answers yet. */
  readonly isReady: () => Promise<boolean>
}

export class Daemon {
  readonly #child: ChildProcess
  #said = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (text: Buffer) => {
        this.#said += text
      })
    }
  }

  /** Resolves when it is ready; a daemon that ended, or is not ready within a minute, is an error with what it said. */
  static async start(command: string, { args, env, isReady }: DaemonOptions): Promise<Daemon> {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const daemon = new Daemon(child)
    await once(child, 'spawn')
    for (let tries = 0; tries < 600; tries += 1) {
      if (child.exitCode !== null || child.signalCode !== null) break
      if (await isReady()) return daemon
      await sleep(100)
    }
    await daemon.stop()
    throw new Error(`${command} is not ready: ${daemon.#said.slice(-4000)}`)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}
