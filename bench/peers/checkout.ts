/**
 * Peers that the module proxy does not have are built from a checkout that somebody gives. What was given is compared with
 * what is pinned here, as a go.sum would do it: figures of another version under this one's name would be worse than none.
 */
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import type { Recipe } from '../../test/support/built-tools.ts'

export interface Checkout {
  /** Environment variable that names its folder. */
  readonly variable: string
  /** The tag, `v1.2.3`. */
  readonly version: string
  /** Files and folders that it is built from. */
  readonly sources: readonly string[]
  /** How the names of the files among them end. */
  readonly ends: RegExp
  /** SHA-256 of them. */
  readonly sha256: string
  readonly proof: Recipe['proof']
  readonly build: (source: string) => Recipe['build']
}

export const ZOT: Checkout = {
  variable: 'ZOT_SOURCE',
  version: 'v2.1.20',
  sources: ['cmd', 'errors', 'pkg', 'go.mod', 'go.sum'],
  ends: /\.(?:go|mod|sum)$/,
  sha256: 'b42a6c47cb956e3809b1bd330b8644d72f20418eddd09218c2335b3fc99d48c5',
  proof: ['--version'],
  // As its Makefile builds `binary-minimal`.
  build: (source) => async (work, run) => {
    const output = join(work, 'zot')
    const env = { ...process.env, GOEXPERIMENT: 'jsonv2', GOFLAGS: '-buildvcs=false', CGO_ENABLED: '0' }
    const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', output, './cmd/zot']
    succeeded(await run('go', args, { cwd: source, env }))
    return output
  },
}

export const ANGOS: Checkout = {
  variable: 'ANGOS_SOURCE',
  version: 'v1.6.0',
  sources: ['contrib', 'crates', 'src', 'build.rs', 'Cargo.lock', 'Cargo.toml'],
  ends: /\.(?:rs|toml|lock)$/,
  sha256: '75a4fa047330fdfb5513d10f83dd7922472767d287a1879c6044c83e10b98088',
  proof: ['--help'],
  build: (source) => async (work, run) => {
    const copy = join(work, 'angos')
    const left = ['.git', 'target', 'ui']
    await cp(source, copy, { recursive: true, filter: (path) => path === source || !left.includes(basename(path)) })
    await withoutWebUi(copy)
    const env = { ...process.env, PATH: `${process.env.PATH}:${join(homedir(), '.cargo/bin')}` }
    succeeded(await run('cargo', ['build', '--release', '--locked', '--bin', 'angos'], { cwd: copy, env }))
    return join(copy, 'target/release/angos')
  },
}

/** Its build script makes the web UI, which is off by default, of packages of its own: an empty one takes its place. */
async function withoutWebUi(copy: string): Promise<void> {
  for (const folder of ['node_modules', 'build']) await mkdir(join(copy, 'ui', folder), { recursive: true })
  await writeFile(join(copy, 'ui/package.json'), '{ "scripts": { "build": "true" } }')
}

/** Why `source` is not what is pinned; undefined when it is. */
export async function difference({ sources, ends, sha256 }: Checkout, source: string): Promise<string | undefined> {
  const is = await sha256Of(source, { sources, ends }).catch((error: Error) => error.message)
  return is === sha256 ? undefined : `its sources have ${is} as SHA-256 and not ${sha256}`
}

export async function sha256Of(folder: string, { sources, ends }: Pick<Checkout, 'sources' | 'ends'>): Promise<string> {
  const all = await readdir(folder, { recursive: true })
  const own = all.filter(
    (path) => ends.test(path) && sources.some((each) => path === each || path.startsWith(`${each}/`)),
  )
  const hash = createHash('sha256')
  for (const path of own.sort()) hash.update(`${path}\n`).update(await readFile(join(folder, path)))
  return hash.digest('hex')
}

function succeeded({ code, stderr }: { code: number; stderr: string }): void {
  if (code !== 0) throw new Error(stderr)
}
