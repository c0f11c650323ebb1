/**
 * What every client's flow stands on: a started server with authentication on, a folder that is the client's home and
 * working directory, clients under their plain names, and the other doors (the command line, the native API) to look
 * at what the client did. Scripts and the blocks of docs/clients.md name the server `localhost:8000`; the started
 * one stands there when they run.
 */
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect } from 'vitest'
import type { EventJson, EventPageJson, FileJson, FilePageJson, PackageJson } from '../../src/native-api/wire.ts'
import { COMMAND, ServerProcess } from '../cli/server-process.ts'
import { DATABASES, type TestDatabase } from '../support/databases.ts'
import { clientTool, GO_TOOLS, type GoToolName } from './client-tools.ts'
import { PAGE_SERVER, pageBlock } from './clients-page.ts'
import { type DebianToolName, debianTool } from './debian-tools.ts'
import { type Ran, ran } from './run-command.ts'

export type ClientName = GoToolName | DebianToolName

export const USER = 'ci'
const SECRET = 'a-token-for-client-flows'

/** How clients say that they may not: by the answer's status or code, or because they have nothing to answer it with. */
export const NOT_ALLOWED =
  /401|403|unauthori[sz]ed|denied|authentication required|invalid username\/password|credential not found|basic auth/i

export interface FlowOptions {
  /** SQLite where none is given. */
  readonly database?: TestDatabase
  /** Clients by the name under which scripts call them. */
  readonly clients?: Readonly<Record<string, ClientName>>
  /** Settings of the server beside those of the flow. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface ScriptOptions {
  /** Another server than the flow's own: `host:port`. */
  readonly server?: string
  readonly env?: NodeJS.ProcessEnv
}

/** A line of the server's log. */
export interface LoggedRequest {
  readonly method: string
  readonly route: string
  readonly status: number
}

export class ClientFlow {
  readonly server: ServerProcess
  /** HOME and working directory of everything that runs here; `token.txt` in it holds the secret. */
  readonly folder: string
  readonly env: Record<string, string>
  readonly #drop: () => Promise<void>

  private constructor(server: ServerProcess, folder: string, drop: () => Promise<void>) {
    this.server = server
    this.folder = folder
    this.#drop = drop
    this.env = {
      PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
      HOME: folder,
      TMPDIR: join(folder, 'tmp'),
      XDG_RUNTIME_DIR: join(folder, 'run'),
      LC_ALL: 'C.UTF-8',
      ARTIFACTSTORE_API_URL: server.apiUrl,
      ARTIFACTSTORE_API_TOKEN: SECRET,
    }
  }

  static async open({ database = DATABASES[0]!, clients = {}, settings = {} }: FlowOptions = {}): Promise<ClientFlow> {
    const folder = mkdtempSync(join(tmpdir(), 'client-flow-'))
    for (const name of ['bin', 'run', 'tmp']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'token.txt'), `${SECRET}\n`)
    writeFileSync(join(folder, 'bin', 'artifactstore'), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`)
    chmodSync(join(folder, 'bin', 'artifactstore'), 0o755)
    const created = await database.createMigrated(folder)
    const { location } = created
    const server = await ServerProcess.start({
      ARTIFACTSTORE_AUTH_TOKENS: `${USER}:${SECRET}`,
      ARTIFACTSTORE_DATABASE_URL: location.kind === 'sqlite' ? `sqlite:///${location.path}` : location.url,
      ...settings,
    })
    const flow = new ClientFlow(server, folder, created.drop)
    for (const [as, name] of Object.entries(clients)) symlinkSync(await pathOf(name), join(folder, 'bin', as))
    return flow
  }

  /** `127.0.0.1:<port>`, which clients know to be this machine. */
  get registry(): string {
    return `127.0.0.1:${this.server.port}`
  }

  /** Scripts call `name` and the real client gets these arguments first: where it keeps its state, say. */
  async wrap(name: string, client: ClientName, first: readonly string[]): Promise<void> {
    const file = join(this.folder, 'bin', name)
    rmSync(file, { force: true })
    writeFileSync(file, `#!/bin/sh\nexec '${await pathOf(client)}' ${first.map((arg) => `'${arg}'`).join(' ')} "$@"\n`)
    chmodSync(file, 0o755)
  }

  /** Runs a shell script to its end, whatever its exit code. */
  ran(script: string, { server = this.registry, env = {} }: ScriptOptions = {}) {
    return ran('sh', ['-eu', '-c', script.replaceAll(PAGE_SERVER, server)], {
      cwd: this.folder,
      env: { ...this.env, ...env },
    })
  }

  /** Runs a script that must succeed, and answers what it printed on stdout. */
  async sh(script: string, options: ScriptOptions = {}): Promise<string> {
    const result = await this.ran(script, options)
    if (result.code !== 0) throw new Error(`exit code ${result.code} of\n${script}\n${result.stderr}${result.stdout}`)
    return result.stdout
  }

  /** Runs a script that must fail by its own doing, and answers what it said. */
  async refused(script: string, options: ScriptOptions = {}): Promise<string> {
    const result: Ran = await this.ran(script, options)
    const said = `${result.stdout}${result.stderr}`
    if (result.code === 0) throw new Error(`this should have failed:\n${script}\n${said}`)
    if (result.code < 0 || result.code === 127) throw new Error(`this did not run:\n${script}\n${said}`)
    return said
  }

  /** Runs a block of docs/clients.md, which must succeed; `before` it what its shell needs to know. */
  page(client: string, step: string, { before = '', ...options }: ScriptOptions & { before?: string } = {}) {
    return this.sh(`${before}\n${pageBlock(client, step)}`, options)
  }

  /** The command line; the last argument of a command that prints JSON is `--json`. */
  async json<T>(script: string): Promise<T> {
    return JSON.parse(await this.sh(script)) as T
  }

  /** A GET of the native API, or of `/v2/`. */
  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const asked = { authorization: `Bearer ${SECRET}`, accept: 'application/json', ...headers }
    return fetch(new URL(path, this.server.apiUrl), { headers: asked })
  }

  /** What the native API says of a path, which must be there. */
  async api<T>(path: string): Promise<T> {
    const response = await this.get(path)
    if (!response.ok) throw new Error(`${response.status} of ${path}: ${await response.text()}`)
    return (await response.json()) as T
  }

  /** All packages of a repository, newest first. */
  async packages(repository: string): Promise<readonly PackageJson[]> {
    const query = new URLSearchParams({ repository, limit: '1000' })
    return (await this.api<{ packages: PackageJson[] }>(`/packages?${query}`)).packages
  }

  /** The one package behind `repository:tag` or `repository@digest`. */
  async package(reference: string): Promise<PackageJson> {
    const [, repository, at, name] = /^(.+?)([:@])(.+)$/.exec(reference)!
    const query = new URLSearchParams({ repository: repository!, [at === '@' ? 'digest' : 'tag']: name! })
    const { packages } = await this.api<{ packages: PackageJson[] }>(`/packages?${query}`)
    if (packages.length !== 1) throw new Error(`${packages.length} packages are behind ${reference}`)
    return packages[0]!
  }

  async files(reference: string): Promise<readonly FileJson[]> {
    const { id } = await this.package(reference)
    return (await this.api<FilePageJson>(`/packages/${id}/files?limit=1000`)).files
  }

  /** The events of a type, all of them in commit order. */
  async events(type: string): Promise<readonly EventJson[]> {
    const { events } = await this.api<EventPageJson>(`/events?${new URLSearchParams({ type, limit: '1000' })}`)
    return events
  }

  /** What the server logged of the requests during `work`, in the order in which they ended. */
  async requestsOf(work: () => Promise<unknown>): Promise<readonly LoggedRequest[]> {
    const from = await this.#markLog()
    await work()
    const to = await this.#markLog()
    const lines = this.server.stdout.slice(from, to).split('\n').slice(1, -1)
    return lines.map((line) => JSON.parse(line) as LoggedRequest).filter(({ method }) => method !== undefined)
  }

  /** Where the log is now. It comes through a pipe, later than the answers: a request of ours stands at its end. */
  async #markLog(): Promise<number> {
    const id = `mark-${randomUUID()}`
    await this.get('/v2/', { 'x-request-id': id })
    await expect.poll(() => this.server.stdout.includes(id), { timeout: 30_000 }).toBe(true)
    return this.server.stdout.lastIndexOf('\n', this.server.stdout.indexOf(id)) + 1
  }

  /** Stops the server, and fails unless the log is whole and every view is its fold; then starts it again. */
  async settle(): Promise<void> {
    await this.server.stop('SIGTERM')
    const command = (name: string) =>
      ran(process.execPath, [COMMAND, name, '--json'], { cwd: this.server.folder, env: { ...this.server.env } })
    const [log, views] = await Promise.all([command('verify-log'), command('verify-views')])
    const replayed = await command('replay')
    if (log.code !== 0) throw new Error(`verify-log: ${log.stderr}${log.stdout}`)
    const { differences } = JSON.parse(views.stdout) as { differences: unknown[] }
    if (views.code !== 0 || differences.length > 0) throw new Error(`verify-views: ${views.stderr}${views.stdout}`)
    const { changed_rows: changed } = JSON.parse(replayed.stdout) as { changed_rows: number }
    if (replayed.code !== 0 || changed !== 0) throw new Error(`replay: ${replayed.stderr}${replayed.stdout}`)
    await this.server.start()
  }

  async close(): Promise<void> {
    await this.server.remove()
    await this.#drop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function pathOf(name: ClientName): Promise<string> {
  return name in GO_TOOLS ? clientTool(name as GoToolName) : debianTool(name as DebianToolName)
}
