/**
 * Real clients that are built with Go, pinned: each once from `tools/<folder>/go.mod` and its go.sum into a cache outside
 * the tree, keyed by version. A client that cannot be had fails the run: a flow that was not run proves nothing.
 */
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ran } from './run-command.ts'

export interface GoTool {
  /** Its name on docs/clients.md, where several versions or commands are one client. */
  readonly client: string
  /** Folder below `tools`; the tool's own name where two do not share one. */
  readonly folder?: string
  readonly module: string
  /** The command's folder in its module. */
  readonly command: string
  /** Arguments with which it says its version and ends with 0, needing no network. */
  readonly version: readonly string[]
}

// biome-ignore format: a table reads by columns
/** In the order in which `buildAll` builds them: quick ones first, so that a failure shows early. */
export const GO_TOOLS = {
  oras:      { client: 'oras',      module: 'oras.land/oras',                          command: 'cmd/oras',       version: ['version'] },
  crane:     { client: 'crane',     module: 'github.com/google/go-containerregistry',  command: 'cmd/crane',      version: ['version'] },
  regctl:    { client: 'regctl',    module: 'github.com/regclient/regclient',          command: 'cmd/regctl',     version: ['version'] },
  notation:  { client: 'notation',  module: 'github.com/notaryproject/notation',       command: 'cmd/notation',   version: ['version'] },
  helm4:     { client: 'helm',      module: 'helm.sh/helm/v4',                         command: 'cmd/helm',       version: ['version'] },
  helm3:     { client: 'helm',      module: 'helm.sh/helm/v3',                         command: 'cmd/helm',       version: ['version'] },
  cosign3:   { client: 'cosign',    module: 'github.com/sigstore/cosign/v3',           command: 'cmd/cosign',     version: ['version'] },
  cosign2:   { client: 'cosign',    module: 'github.com/sigstore/cosign/v2',           command: 'cmd/cosign',     version: ['version'] },
  buildctl:  { client: 'buildkit',  module: 'github.com/moby/buildkit',                command: 'cmd/buildctl',   version: ['--version'], folder: 'buildkit' },
  buildkitd: { client: 'buildkit',  module: 'github.com/moby/buildkit',                command: 'cmd/buildkitd',  version: ['--version'], folder: 'buildkit' },
} as const satisfies Record<string, GoTool>
export type GoToolName = keyof typeof GO_TOOLS

export const GO_TOOL_NAMES = Object.keys(GO_TOOLS) as GoToolName[]

/** The folder of a tool's go.mod and go.sum, below `tools`. */
export function folderOf(name: GoToolName): string {
  const { folder = name }: GoTool = GO_TOOLS[name]
  return folder
}

/** The version that `go.mod` requires, `v1.2.3`. */
export async function pinnedVersion(name: GoToolName): Promise<string> {
  const { module }: GoTool = GO_TOOLS[name]
  const text = await readFile(join(sourceOf(name), 'go.mod'), 'utf8')
  const [, version] = new RegExp(`^require ${module} (v\\S+)$`, 'm').exec(text) ?? []
  if (!version) throw new Error(`${sourceOf(name)}/go.mod has no line 'require ${module} v…'`)
  return version
}

/** The path of the built client. */
export async function clientTool(name: GoToolName): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifact-store-clients')
  const target = join(cache, `${name}-${await pinnedVersion(name)}`)
  if (await works(name, target)) return target
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(tmpdir(), `build-${name}-`))
  try {
    await cp(sourceOf(name), work, { recursive: true })
    await build(name, { work, output: `${target}.${process.pid}.part` })
    await rename(`${target}.${process.pid}.part`, target)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  if (!(await works(name, target))) throw new Error(`${target} was built and does not say its version`)
  return target
}

/** Every client, one after the other, so that a build beside the tests takes no more than one place. */
export async function buildAll(say: (line: string) => void = console.log): Promise<void> {
  for (const name of GO_TOOL_NAMES) {
    const started = Date.now()
    const path = await clientTool(name)
    say(`${path} (${Math.round((Date.now() - started) / 1000)} s)`)
  }
}

async function build(name: GoToolName, { work, output }: { work: string; output: string }): Promise<void> {
  const { module, command }: GoTool = GO_TOOLS[name]
  const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' }
  const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', output, `${module}/${command}`]
  const built = await ran('go', args, { cwd: work, env })
  if (built.code !== 0) throw new Error(`go could not build ${name}; Go 1.26 or later is needed\n${built.stderr}`)
}

function sourceOf(name: GoToolName): string {
  return fileURLToPath(new URL(`./tools/${folderOf(name)}`, import.meta.url))
}

async function works(name: GoToolName, path: string): Promise<boolean> {
  return (await ran(path, [...GO_TOOLS[name].version])).code === 0
}
