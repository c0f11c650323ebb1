/**
 * The registries beside which ours is measured: on the local disk, on loopback, anonymous, each in the configuration with which
 * its own documentation begins, logging errors alone. What a configuration takes over is said in its file; zot's are its
 * examples/config-minimal.json and config-commit.json of v2.1.20, olareg's are the flags of its README.
 */
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { untilAnswered } from '../answered.ts'
import type { Contestant, Missing, Promises, Running } from '../contestant.ts'
import { processTree, startChild, stopChild } from '../processes.ts'
import { freePort } from '../server-process.ts'
import { buildProgram, type Found, findProgram, PROGRAMS } from './programs.ts'
import { writeFilled } from './template.ts'

interface Place {
  readonly folder: string
  readonly port: string
  /** Its configuration, filled in. */
  readonly config: string
}

export interface Peer {
  readonly id: string
  readonly program: keyof typeof PROGRAMS
  /** Beside its version in the title. */
  readonly variant?: string
  /** Its file in this folder. */
  readonly template?: string
  readonly args: (place: Place) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly promises: Omit<Promises, 'authentication'>
  /** As of a contestant. */
  readonly scenes?: readonly string[]
}

/** Of a registry that flushes more than another one of the same program, and reads alike. */
const WRITES = ['pushes', 'mixed']

export const PEERS: readonly Peer[] = [
  {
    id: 'distribution',
    program: 'distribution',
    template: 'distribution.yml',
    args: ({ config }) => ['serve', config],
    // As its container image has it; else it looks for a collector of traces.
    env: { OTEL_TRACES_EXPORTER: 'none' },
    promises: {
      // filesystem/driver.go: PutContent flushes a link and its folder, Move renames an upload without.
      durable: 'files are flushed; the folders of uploaded blobs are not',
      isFlushing: true,
      configuration: "its container image's",
    },
  },
  {
    id: 'zot',
    program: 'zot',
    template: 'zot.json',
    args: ({ config }) => ['serve', config],
    promises: {
      // Twice a blob, for the bbolt file that knows duplicates. Neither blobs nor manifests.
      durable: 'no: its cache of digests alone is flushed',
      isFlushing: false,
      configuration: 'its minimal example and minimal build',
    },
  },
  {
    id: 'zot-commit',
    program: 'zot',
    variant: 'commit: true',
    scenes: WRITES,
    template: 'zot-commit.json',
    args: ({ config }) => ['serve', config],
    promises: {
      // storage/local/driver.go: Sync where a file is closed, a rename and a link without.
      durable: 'files are flushed, folders are not',
      isFlushing: true,
      configuration: 'its example with commit and minimal build; measured where something is pushed',
    },
  },
  {
    id: 'olareg',
    program: 'olareg',
    args: ({ folder, port }) => [
      ...['serve', '--dir', join(folder, 'data')],
      ...['--addr', '127.0.0.1', '--port', port, '--verbosity', 'error'],
    ],
    promises: { durable: 'no: nothing is flushed', isFlushing: false, configuration: "its README's flags" },
  },
  {
    id: 'angos',
    program: 'angos',
    template: 'angos.toml',
    args: ({ config }) => ['--config', config, 'server'],
    env: { RUST_LOG: 'error' },
    promises: { durable: 'no: nothing is flushed', isFlushing: false, configuration: "its quick start's" },
  },
  {
    id: 'angos-sync',
    program: 'angos',
    variant: 'sync_to_disk',
    scenes: WRITES,
    template: 'angos-sync.toml',
    args: ({ config }) => ['--config', config, 'server'],
    env: { RUST_LOG: 'error' },
    promises: {
      // crates/storage/src/fs: put and create_if_absent flush, write_upload and move_object do not.
      durable: 'manifests and links are flushed; blobs and folders are not',
      isFlushing: true,
      configuration: "its quick start's, with sync_to_disk; measured where something is pushed",
    },
  },
]

/** Those whose programs are in the cache, and why the others are not. Builds nothing. */
export async function peers(): Promise<{ present: Contestant[]; missing: Missing[] }> {
  const present: Contestant[] = []
  const missing: Missing[] = []
  for (const peer of PEERS) {
    const program = PROGRAMS[peer.program]
    const found = await findProgram(program)
    if (found) present.push(contestant(peer, found))
    else {
      const version = await program.version()
      const why = `${program.name}-${version} is not in the cache of built tools. ${program.how}`
      missing.push({ id: peer.id, title: titleOf(peer, version.slice(1)), why })
    }
  }
  return { present, missing }
}

/** `--build`: builds every program that is not there, one after the other. Returns the peers whose program could not be built. */
export async function buildPeers(say: (line: string) => void): Promise<readonly Missing[]> {
  const missing: Missing[] = []
  for (const [name, program] of Object.entries(PROGRAMS)) {
    const started = Date.now()
    try {
      say(`${await buildProgram(program)} (${Math.round((Date.now() - started) / 1_000)} s)`)
    } catch (error) {
      const why = lastLine((error as Error).message)
      say(`${name} is missing: ${why}`)
      const version = (await program.version()).slice(1)
      const without = PEERS.filter((peer) => peer.program === name)
      missing.push(...without.map((peer) => ({ id: peer.id, title: titleOf(peer, version), why })))
    }
  }
  return missing
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}

function titleOf({ program, variant }: Peer, version: string): string {
  return variant ? `${program} ${version}, ${variant}` : `${program} ${version}`
}

function contestant(peer: Peer, { path, version }: Found): Contestant {
  return {
    id: peer.id,
    title: titleOf(peer, version),
    kind: 'registry',
    promises: { ...peer.promises, authentication: 'off: it is not in that configuration' },
    ...(peer.scenes && { scenes: peer.scenes }),
    start: (folder) => start(peer, path, folder),
  }
}

async function start(peer: Peer, path: string, folder: string): Promise<Running> {
  const port = String(await freePort())
  const config = join(folder, peer.template ?? '')
  if (peer.template) await writeFilled(config, peer.template, { folder, port })
  await mkdir(join(folder, 'data'), { recursive: true })
  const said = join(folder, 'said')
  const log = await open(said, 'w')
  const started = performance.now()
  const child = startChild(path, peer.args({ folder, port, config }), {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...peer.env },
    stdio: ['ignore', log.fd, log.fd],
  })
  await log.close()
  const url = `http://127.0.0.1:${port}`
  await untilAnswered(`${url}/v2/`, child, { said: () => readFile(said, 'utf8') })
  return {
    url,
    folder,
    headers: {},
    startMs: performance.now() - started,
    pids: () => processTree(child.pid!),
    stop: () => stopChild(child),
  }
}
