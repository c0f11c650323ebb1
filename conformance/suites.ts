/**
 * The two suites, pinned, and where they come from: what the environment names, the folder `../shared/conformance-suite`
 * beside the checkout, or the public repository at the pinned commit. Built suites are kept in the clients' cache, keyed by version.
 */
import { access, constants, mkdtemp, rm, stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, run } from './build.ts'
import type { SuiteName } from './combinations.ts'

export interface Suite {
  readonly name: SuiteName
  readonly version: string
  /** Of REPOSITORY; its folder `conformance` is the suite. */
  readonly commit: string
  /** Its folder in `../shared/conformance-suite`. */
  readonly folder: string
  /** The variable that names a checkout or a built suite instead. */
  readonly variable: string
  /** In the cache. */
  readonly binary: string
  /** Arguments of `go` before its flags. */
  readonly goCommand: readonly string[]
  /** The Go variable that the suite reports as its version. */
  readonly versionSymbol: string
}

export const REPOSITORY = 'https://github.com/opencontainers/distribution-spec'

export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  newest: {
    name: 'newest',
    version: '967efdc',
    commit: '967efdc079b91785ad18c77cc4f8991a47feefbf',
    folder: 'dev',
    variable: 'CONFORMANCE_SUITE',
    binary: 'conformance-967efdc',
    goCommand: ['build'],
    versionSymbol: 'main.Version',
  },
  'v1.1.1': {
    name: 'v1.1.1',
    version: 'v1.1.1',
    commit: 'a139cc423184af6078077b9b7ee336eddbd03f8f',
    folder: 'v1.1.1',
    variable: 'CONFORMANCE_SUITE_1_1_1',
    binary: 'conformance-v1.1.1',
    goCommand: ['test', '-c'],
    versionSymbol: 'github.com/opencontainers/distribution-spec/conformance.Version',
  },
}

export interface Obtained {
  readonly binary: string
  /** What the report says was run: the pinned version, or that somebody gave another. */
  readonly version: string
  /** Removes what was built for this run only. */
  dispose(): Promise<void>
}

export interface Surroundings {
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** The folder of the pinned suites' sources, which need not be there. */
  readonly shared: string
  readonly repository: string
  /** Told what takes a while. */
  say(line: string): void
}

export function surroundings(env: Readonly<NodeJS.ProcessEnv>, say: (line: string) => void): Surroundings {
  const shared = fileURLToPath(new URL('../../shared/conformance-suite', import.meta.url))
  return { env, shared, repository: REPOSITORY, say }
}

/** A suite that can be run. Throws with a sentence that says what to do. */
export async function obtain(suite: Suite, around: Surroundings): Promise<Obtained> {
  const given = around.env[suite.variable]
  if (given) return fromEnvironment(suite, given)
  const cache = join(around.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifact-store-clients')
  const binary = join(cache, suite.binary)
  if (!(await isExecutable(binary))) await buildPinned(suite, binary, around)
  return { binary, version: suite.version, dispose: async () => undefined }
}

/** Never from or into the cache: its key says nothing of what somebody gave. */
async function fromEnvironment(suite: Suite, path: string): Promise<Obtained> {
  const version = `given by ${suite.variable}`
  if (await isExecutable(path)) return { binary: path, version, dispose: async () => undefined }
  const source = await goModule(path)
  if (source === undefined) {
    throw new Error(
      `${suite.variable} names ${path}, which is neither an executable nor a folder with the suite's go.mod ` +
        `(the folder 'conformance' of ${REPOSITORY}, or a checkout of it).`,
    )
  }
  const folder = await mkdtemp(join(tmpdir(), 'conformance-build-'))
  const dispose = () => rm(folder, { recursive: true, force: true })
  const binary = join(folder, 'conformance')
  try {
    await build(suite, { source, target: binary, version })
  } catch (error) {
    await dispose()
    throw error
  }
  return { binary, version, dispose }
}

async function buildPinned(suite: Suite, target: string, { shared, repository, say }: Surroundings): Promise<void> {
  const source = await goModule(join(shared, suite.folder))
  if (source !== undefined) {
    say(`building the suite ${suite.version} from ${source}`)
    return build(suite, { source, target, version: suite.version })
  }
  say(`fetching and building the suite ${suite.version} from ${repository}`)
  const folder = await mkdtemp(join(tmpdir(), 'conformance-source-'))
  try {
    const fetched = await fetchSuite(suite, { repository, folder })
    await build(suite, { source: fetched, target, version: suite.version })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fetchSuite(suite: Suite, { repository, folder }: { repository: string; folder: string }) {
  const git = (...args: string[]) => run('git', ['-C', folder, ...args], {})
  try {
    await git('init', '--quiet')
    await git('fetch', '--quiet', '--depth=1', repository, suite.commit)
    // A commit is its content: what came under this name is what was pinned, whoever sent it.
    await git('checkout', '--quiet', suite.commit, '--', 'conformance')
  } catch (error) {
    throw new Error(
      `The conformance suite ${suite.version} could not be fetched from ${repository} (commit ${suite.commit}). ` +
        `Give a checkout of it or a built one in ${suite.variable}.\n${(error as Error).message}`,
      { cause: error },
    )
  }
  return join(folder, 'conformance')
}

/** The folder with the suite's go.mod: the path itself, or its `conformance` where it is the repository's root. */
async function goModule(path: string): Promise<string | undefined> {
  for (const folder of [path, join(path, 'conformance')]) {
    const found = await stat(join(folder, 'go.mod')).catch(() => undefined)
    if (found?.isFile()) return folder
  }
  return undefined
}

async function isExecutable(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return false
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
