/**
 * Real clients, pinned: built once from `tools/<name>/go.mod` into a cache outside the tree, keyed by version. A client
 * that cannot be had fails the run: a flow that was not run proves nothing.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface Tool {
  readonly module: string
  readonly package: string
}

const TOOLS = {
  cosign2: { module: 'github.com/sigstore/cosign/v2', package: 'github.com/sigstore/cosign/v2/cmd/cosign' },
  cosign3: { module: 'github.com/sigstore/cosign/v3', package: 'github.com/sigstore/cosign/v3/cmd/cosign' },
  oras: { module: 'oras.land/oras', package: 'oras.land/oras/cmd/oras' },
} as const satisfies Record<string, Tool>
export type ToolName = keyof typeof TOOLS

/** The path of the built client. */
export async function clientTool(name: ToolName): Promise<string> {
  const source = fileURLToPath(new URL(`./tools/${name}`, import.meta.url))
  const { module, package: command } = TOOLS[name]
  const version = new RegExp(`require ${module} (\\S+)`).exec(await readFile(join(source, 'go.mod'), 'utf8'))?.[1]
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifact-store-clients')
  const target = join(cache, `${name}-${version}`)
  if (await works(target)) return target
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(tmpdir(), `build-${name}-`))
  try {
    await cp(source, work, { recursive: true })
    const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' }
    await run('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', `${target}.part`, command], { cwd: work, env })
    await rename(`${target}.part`, target)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return target
}

async function works(path: string): Promise<boolean> {
  return run(path, ['version']).then(
    () => true,
    () => false,
  )
}

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** Runs a command to its end, whatever its exit code. */
export async function ran(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(command, args, { ...options, maxBuffer: 64 * 1024 * 1024 })
    return { stdout, stderr, code: 0 }
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: number | string }
    return { stdout, stderr: stderr || String(error), code: typeof code === 'number' ? code : -1 }
  }
}
