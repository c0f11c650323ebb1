/**
 * Tools that are built once, pinned, into a cache outside the tree, keyed by version. Go tools are built from a folder with
 * their go.mod and go.sum, which ask the module proxy for the one version only.
 */
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ran, ran } from '../clients/run-command.ts'

export interface GoTool {
  /** The folder with its go.mod and go.sum. */
  readonly source: string
  readonly module: string
  /** The command's folder in its module. */
  readonly command: string
  /** Arguments with which it says its version and ends with 0, needing no network. */
  readonly version: readonly string[]
}

/** Where a build works and how it runs its programs: by itself, or as a caller wants who ends what he started. */
export interface Workplace {
  run(command: string, args: readonly string[], options?: { cwd?: string; env?: NodeJS.ProcessEnv }): Promise<Ran>
  /** An empty one. */
  folder(prefix: string): Promise<string>
}

const ANYWHERE: Workplace = { run: ran, folder: (prefix) => mkdtemp(join(tmpdir(), prefix)) }

export interface Recipe {
  /** `oras-v1.3.3`: its file in the cache. */
  readonly key: string
  /** Arguments with which it ends with 0, needing nothing. */
  readonly proof: readonly string[]
  /** Builds it below `work`, an empty folder, and returns its path. */
  build(work: string, run: Workplace['run']): Promise<string>
}

/** The path of a tool's file in the cache, whether it is there or not. */
export function pathInCache(key: string): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifact-store-clients', key)
}

/** The path of a tool that works: as it is in the cache, else built into it. */
export async function builtTool(recipe: Recipe, { run, folder }: Workplace = ANYWHERE): Promise<string> {
  const { key, proof } = recipe
  const target = pathInCache(key)
  const works = async () => (await run(target, proof)).code === 0
  if (await works()) return target
  const work = await folder(`build-${key}-`)
  try {
    const built = await recipe.build(work, run)
    await mkdir(join(target, '..'), { recursive: true })
    // Others may look while it is copied.
    await cp(built, `${target}.${process.pid}.part`)
    await rename(`${target}.${process.pid}.part`, target)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  if (!(await works())) throw new Error(`${target} was built and does not say its version`)
  return target
}

export function goRecipe(key: string, { source, module, command, version }: GoTool): Recipe {
  return {
    key,
    proof: version,
    async build(work, run) {
      await cp(source, work, { recursive: true })
      const output = join(work, 'built')
      const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' }
      const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', output, `${module}/${command}`]
      const built = await run('go', args, { cwd: work, env })
      if (built.code !== 0) throw new Error(`go could not build ${key}; Go 1.26 or later is needed\n${built.stderr}`)
      return output
    },
  }
}

/** The version that the tool's go.mod requires, `v1.2.3`. */
export async function requiredVersion({ source, module }: Pick<GoTool, 'source' | 'module'>): Promise<string> {
  const text = await readFile(join(source, 'go.mod'), 'utf8')
  const [, version] = new RegExp(`^require ${module} (v\\S+)$`, 'm').exec(text) ?? []
  if (!version) throw new Error(`${source}/go.mod has no line 'require ${module} v…'`)
  return version
}
