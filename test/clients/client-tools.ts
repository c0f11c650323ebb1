/**
 * Real clients that are built with Go, pinned: each once from `tools/<folder>/go.mod` and its go.sum into a cache outside
 * the tree, keyed by version. A client that cannot be had fails the run: a flow that was not run proves nothing.
 */
import { fileURLToPath } from 'node:url'
import { builtTool, type GoTool, goRecipe, requiredVersion } from '../support/built-tools.ts'

export interface GoClient extends Omit<GoTool, 'source'> {
  /** Its name on docs/clients.md, where several versions or commands are one client. */
  readonly client: string
  /** Folder below `tools`; the tool's own name where two do not share one. */
  readonly folder?: string
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
} as const satisfies Record<string, GoClient>
export type GoToolName = keyof typeof GO_TOOLS

export const GO_TOOL_NAMES = Object.keys(GO_TOOLS) as GoToolName[]

/** The folder of a tool's go.mod and go.sum, below `tools`. */
export function folderOf(name: GoToolName): string {
  const { folder = name }: GoClient = GO_TOOLS[name]
  return folder
}

/** The version that `go.mod` requires, `v1.2.3`. */
export function pinnedVersion(name: GoToolName): Promise<string> {
  return requiredVersion(goTool(name))
}

/** The path of the built client. */
export async function clientTool(name: GoToolName): Promise<string> {
  return builtTool(goRecipe(`${name}-${await pinnedVersion(name)}`, goTool(name)))
}

/** Every client, one after the other, so that a build beside the tests takes no more than one place. */
export async function buildAll(say: (line: string) => void = console.log): Promise<void> {
  for (const name of GO_TOOL_NAMES) {
    const started = Date.now()
    const path = await clientTool(name)
    say(`${path} (${Math.round((Date.now() - started) / 1000)} s)`)
  }
}

function goTool(name: GoToolName): GoTool {
  return { ...GO_TOOLS[name], source: fileURLToPath(new URL(`./tools/${folderOf(name)}`, import.meta.url)) }
}
