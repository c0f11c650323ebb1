/** A real server in a process of its own, in a folder of its own, that can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const COMMAND = fileURLToPath(new URL('../../bin/artifactstore.js', import.meta.url))

export class ServerProcess {
  readonly folder: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  /** What it has written, of all its lives. */
  stdout = ''
  stderr = ''
  #child: ChildProcess | undefined

  private constructor(folder: string, port: number, env: Readonly<Record<string, string>>) {
    this.folder = folder
    this.port = port
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: join(folder, 'home'),
      ARTIFACTSTORE_PORT: String(port),
      ARTIFACTSTORE_API_URL: `http://127.0.0.1:${port}`,
      ...env,
    }
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'serve-'))
    mkdirSync(join(folder, 'home'))
    const server = new ServerProcess(folder, await freePort(), env)
    await server.start()
    return server
  }

  get pid(): number {
    return this.#child!.pid!
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const env = { ...this.env, ...more }
    const child = spawn(process.execPath, [COMMAND, 'serve'], {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // The leader of a group, as a shell makes it, so that a test can signal all of it.
      detached: true,
    })
    this.#child = child
    const before = this.stdout.length
    child.stderr!.on('data', (text: Buffer) => {
      this.stderr += text
    })
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on('data', (text: Buffer) => {
        this.stdout += text
        if (this.stdout.slice(before).includes('listening on')) resolve()
      })
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${this.stderr}${this.stdout}`)))
    })
  }

  /** Ends it with `signal` and resolves with its exit code, or the signal that killed it. */
  async stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    const child = this.#child!
    if (child.exitCode !== null) return child.exitCode
    const ended = once(child, 'exit')
    child.kill(signal)
    const [code, by] = (await ended) as [number | null, NodeJS.Signals | null]
    return code ?? by!
  }

  /** As a terminal does with Ctrl-C: to the server and all of its processes. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child!.kill(signal)
  }

  /** Resolves when it ends by itself. */
  async ended(): Promise<number | NodeJS.Signals> {
    const child = this.#child!
    if (child.exitCode !== null) return child.exitCode
    const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? by!
  }

  async remove(): Promise<void> {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) await this.stop('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

export interface CommandResult {
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** The command as its users start it. */
export function command(
  args: readonly string[],
  options: {
    cwd: string
    env: Readonly<Record<string, string>>
    stdin?: string | Buffer
    onSpawn?: (child: ChildProcess) => void
  },
): Promise<CommandResult> {
  const child = spawn(process.execPath, [COMMAND, ...args], { cwd: options.cwd, env: options.env })
  options.onSpawn?.(child)
  // A child that ends before it has read everything closes the pipe.
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text: Buffer) => {
    stdout += text
  })
  child.stderr.on('data', (text: Buffer) => {
    stderr += text
  })
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code: code ?? signal!, stdout, stderr }))
  })
}
