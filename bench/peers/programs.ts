/** The peers' programs: each pinned, found in the cache of built tools, and built into it when that is asked for. */
import { fileURLToPath } from 'node:url'
import {
  builtTool,
  type GoTool,
  goRecipe,
  pathInCache,
  type Recipe,
  requiredVersion,
} from '../../test/support/built-tools.ts'
import { removeFolder, runChild, temporaryFolder } from '../processes.ts'
import { ANGOS, type Checkout, difference, ZOT } from './checkout.ts'

export interface Program {
  readonly name: string
  /** The pinned one, `v1.2.3`. */
  version(): Promise<string>
  readonly proof: readonly string[]
  /** Arguments with which it says its version, where it says one. */
  readonly said?: readonly string[]
  /** A sentence: how it can be had. */
  readonly how: string
  /** Throws a sentence where what it needs is not given. */
  recipe(key: string): Promise<Recipe>
}

export interface Found {
  readonly path: string
  /** `1.2.3`: the one that it says itself, where it says one. */
  readonly version: string
}

export const PROGRAMS = {
  distribution: fromModule('distribution', {
    module: 'github.com/distribution/distribution/v3',
    command: 'cmd/registry',
    version: ['--version'],
  }),
  olareg: fromModule('olareg', {
    module: 'github.com/olareg/olareg',
    command: 'cmd/olareg',
    version: ['version', '--format', '{{.VCSTag}}'],
  }),
  zot: fromCheckout('zot', ZOT),
  angos: fromCheckout('angos', ANGOS),
} as const satisfies Record<string, Program>

function fromModule(name: string, command: Omit<GoTool, 'source'>): Program {
  const tool = { ...command, source: fileURLToPath(new URL(`./tools/${name}`, import.meta.url)) }
  return {
    name,
    version: () => requiredVersion(tool),
    proof: tool.version,
    said: tool.version,
    how: '`npm run bench -- --build` builds it with Go 1.26 from the module proxy.',
    recipe: async (key) => goRecipe(key, tool),
  }
}

function fromCheckout(name: string, checkout: Checkout): Program {
  const { variable, version, proof, build } = checkout
  const how = `Name a checkout of its tag ${version} in ${variable}, from which \`npm run bench -- --build\` builds it.`
  return {
    name,
    version: async () => version,
    proof,
    how,
    async recipe(key) {
      const source = process.env[variable]
      if (!source) throw new Error(`${variable} is not set. ${how}`)
      const wrong = await difference(checkout, source)
      if (wrong) throw new Error(`${variable} names ${source}, which is not ${version}: ${wrong}.`)
      return { key, proof, build: build(source) }
    },
  }
}

/** As it is in the cache. */
export async function findProgram(program: Program): Promise<Found | undefined> {
  const path = pathInCache(await keyOf(program))
  if ((await runChild(path, program.proof)).code !== 0) return undefined
  const { stdout } = program.said ? await runChild(path, program.said) : { stdout: '' }
  const [, said] = /\bv(\d+\.\d+\.\d+\S*)/.exec(stdout) ?? []
  return { path, version: said?.replace('+unknown', '') ?? (await program.version()).slice(1) }
}

/** Builds it unless it is there; returns its path, or throws with the reason. */
export async function buildProgram(program: Program): Promise<string> {
  const folders: string[] = []
  const folder = async (prefix: string): Promise<string> => {
    const made = await temporaryFolder(prefix)
    folders.push(made)
    return made
  }
  try {
    // What is there needs nothing to be given.
    if (await findProgram(program)) return pathInCache(await keyOf(program))
    return await builtTool(await program.recipe(await keyOf(program)), { run: runChild, folder })
  } finally {
    for (const made of folders) await removeFolder(made)
  }
}

async function keyOf(program: Program): Promise<string> {
  return `${program.name}-${await program.version()}`
}
