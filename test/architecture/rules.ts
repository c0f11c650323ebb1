/**
 * The rules of the house. Each takes the whole tree and says in sentences what breaks it. A rule that turns out to be
 * in the way is changed here, with an ADR, and never gone around.
 */
import { posix } from 'node:path'
import {
  BEYOND_FACES,
  CONSTRUCTION,
  EMPTY_NAMES,
  FILE_LINES,
  LAYERS,
  type Layer,
  LONG_FILES,
  NOT_AT_START,
  ONLY_FACE,
  RESERVED,
  START,
} from './layers.ts'
import type { Import, SourceFile } from './source-tree.ts'

export interface Limits {
  readonly fileLines: number
}
export type Rule = (file: SourceFile, tree: Tree) => string[]
interface Tree {
  readonly files: readonly SourceFile[]
  readonly limits: Limits
}

/** Every sentence that `files` deserves, by rule. */
export function judge(files: readonly SourceFile[], limits: Limits = { fileLines: FILE_LINES }): Map<string, string[]> {
  const tree = { files, limits }
  return new Map(Object.entries(RULES).map(([name, rule]) => [name, files.flatMap((file) => rule(file, tree))]))
}

export const RULES: Readonly<Record<string, Rule>> = {
  'every file belongs to a layer': (file) =>
    isSource(file) && !layerOf(file.path) ? [`${file.path} belongs to no layer of the table`] : [],
  'imports go downwards': (file) => importsOf(file, 'own').flatMap((each) => say(upwards(file, each))),
  'a layer is entered through its face': (file) =>
    importsOf(file, 'own').flatMap((each) => say(besideFace(file, each))),
  'a folder with an index.ts is entered through it': (file, tree) =>
    importsOf(file, 'own').flatMap((each) => say(pastIndex(file, each, tree))),
  'nothing imports the index of its own folder': (file) =>
    importsOf(file, 'own')
      .filter(({ module }) => posix.basename(module) === 'index.ts' && isBelow(file.path, posix.dirname(module)))
      .map(({ module }) => `${file.path} imports ${module}, the face of its own folder: import the file that has it`),
  'a layer uses its packages only': (file) =>
    importsOf(file, 'package').flatMap((each) => say(foreignPackage(file, each))),
  'bytes and domain know no network': (file) =>
    importsOf(file, 'node')
      .filter(({ module }) => layerNamed(file)?.without?.includes(module))
      .map(({ module }) => `${file.path} imports ${module}: ${layerOf(file.path)} knows no network`),
  'reserved modules stay where they are': (file) => file.imports.flatMap((each) => say(reserved(file, each))),
  'a server starts without what it may never need': (file, tree) =>
    loadedAtStart(tree).has(file.path)
      ? atOnce(file)
          .filter(({ module }) => NOT_AT_START.test(module))
          .map(
            ({ module }) => `${file.path} imports ${module}, which every start would load: load it when it is needed`,
          )
      : [],
  'only config.ts reads process.env': (file) =>
    isSource(file) && file.readsEnvironment && file.path !== 'src/config.ts'
      ? [`${file.path} reads process.env: only src/config.ts does`]
      : [],
  'construction happens in compose.ts': (file) => constructions(file),
  'SQLite alone opens the database': (file) => databaseFiles(file),
  'files stay short': (file, { limits }) =>
    file.lines > limits.fileLines && !LONG_FILES.some((pattern) => pattern.test(file.path))
      ? [`${file.path} has ${file.lines} lines: ${limits.fileLines} is the limit`]
      : [],
  'file names say what a file is for': (file) => {
    const stem = posix.basename(file.path).split('.')[0]!
    return EMPTY_NAMES.includes(stem) ? [`${file.path}: '${stem}' names no concept`] : []
  },
  'exports have names': (file) =>
    file.hasDefaultExport && !file.path.endsWith('.config.ts') ? [`${file.path} has a default export`] : [],
}

function say(sentence: string | undefined): string[] {
  return sentence === undefined ? [] : [sentence]
}

export function layerOf(path: string): string | undefined {
  const isOf = ({ paths }: Layer): boolean =>
    paths.some((each) => (each.endsWith('/') ? path.startsWith(each) : path === each))
  return Object.entries(LAYERS).find(([, layer]) => isOf(layer))?.[0]
}

function layerNamed(file: SourceFile): Layer | undefined {
  const name = layerOf(file.path)
  return name === undefined ? undefined : LAYERS[name]
}

/** The table is about what is shipped; tests and tools may look anywhere. */
function isSource(file: SourceFile): boolean {
  return file.path.startsWith('src/') || file.path.startsWith('migrations/')
}

function importsOf(file: SourceFile, kind: Import['kind']): readonly Import[] {
  return isSource(file) ? file.imports.filter((each) => each.kind === kind) : []
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
}

function upwards(file: SourceFile, { module, isType }: Import): string | undefined {
  const [from, to] = [layerOf(file.path), layerOf(module)]
  if (from === to) return undefined
  const { imports = [], types = [] } = layerNamed(file) ?? {}
  if (to !== undefined && (imports.includes(to) || (isType && types.includes(to)))) return undefined
  const allowed = [...imports, ...types.map((each) => `types of ${each}`)].join(', ') || 'nothing of ours'
  return `${file.path} imports ${module}: ${from ?? 'it'} may import ${allowed}`
}

function besideFace(file: SourceFile, { module }: Import): string | undefined {
  const [from, to] = [layerOf(file.path), layerOf(module)]
  if (from === undefined || to === undefined || from === to) return undefined
  if (BEYOND_FACES.some((each) => each.from === file.path && each.to.test(module))) return undefined
  const faces = LAYERS[to]!.faces ?? LAYERS[to]!.paths.map((path) => `${path}index.ts`)
  const only = ONLY_FACE[from]
  const allowed = only !== undefined && faces.includes(only) ? [only] : faces
  if (allowed.includes(module)) return undefined
  return `${file.path} imports ${module}: of ${to}, ${from} may import ${allowed.join(' and ') || 'nothing'} only`
}

function pastIndex(file: SourceFile, { module }: Import, { files }: Tree): string | undefined {
  if (layerOf(file.path) !== layerOf(module)) return undefined
  const folder = posix.dirname(module)
  const index = `${folder}/index.ts`
  const isEntered = !isBelow(file.path, folder) && module !== index && files.some(({ path }) => path === index)
  return isEntered ? `${file.path} imports ${module}: ${folder} is entered through its index.ts` : undefined
}

function foreignPackage(file: SourceFile, { module, isType }: Import): string | undefined {
  // Loggers arrive as arguments, so their type may be named anywhere.
  if (isType && module === 'pino') return undefined
  const layer = layerNamed(file)
  if (!layer || layer.packages.includes(module)) return undefined
  return `${file.path} imports the package ${module}: ${layerOf(file.path)} may use ${layer.packages.join(', ') || 'none'}`
}

function reserved(file: SourceFile, { module }: Import): string | undefined {
  if (!isSource(file)) return undefined
  const row = RESERVED.find((each) => each.module.test(module))
  if (!row || row.for.some((path) => file.path.startsWith(path))) return undefined
  return `${file.path} imports ${module}: it is reserved for ${row.for.join(' and ')}`
}

function atOnce({ imports }: SourceFile): readonly Import[] {
  return imports.filter(({ isType, isLate }) => !isType && !isLate)
}

const starts = new WeakMap<Tree, ReadonlySet<string>>()

function loadedAtStart(tree: Tree): ReadonlySet<string> {
  const known = starts.get(tree)
  if (known) return known
  const files = new Map(tree.files.map((file) => [file.path, file]))
  // A set is walked through to what is added on the way.
  const paths = new Set(START)
  for (const path of paths) {
    const file = files.get(path)
    for (const { module, kind } of file ? atOnce(file) : []) if (kind === 'own') paths.add(module)
  }
  starts.set(tree, paths)
  return paths
}

/** What another layer offers as `open…` or as a class holds files, sockets or threads: one place decides on it. */
function constructions(file: SourceFile): string[] {
  if (CONSTRUCTION.some((path) => file.path === path || (path.endsWith('/') && file.path.startsWith(path)))) return []
  return importsOf(file, 'own')
    .filter(({ module }) => layerOf(module) !== layerOf(file.path))
    .flatMap(({ module, locals }) =>
      [...locals].flatMap(([name, local]) => {
        const isMade = file.calls.some((call) => call.name === local && (call.isNew || /^open[A-Z]/.test(name)))
        const isError = name.endsWith('Error')
        return isMade && !isError ? [`${file.path} constructs ${name} of ${module}: only src/compose.ts does`] : []
      }),
    )
}

/**
 * Core rule: closing any other descriptor of the database or its -shm file drops SQLite's locks for the whole process, and a
 * second process then overwrites what this one commits.
 */
function databaseFiles(file: SourceFile): string[] {
  if (!isSource(file)) return []
  const isHome = file.path === 'src/registry/database/sqlite.ts'
  const sentences: string[] = []
  if (file.texts.some((text) => text.includes('-shm')))
    sentences.push(`${file.path} names the -shm file: SQLite alone does`)
  if (!isHome && file.texts.some((text) => text.includes('-wal'))) {
    sentences.push(`${file.path} names the -wal file: src/registry/database/sqlite.ts alone does`)
  }
  if (!file.path.startsWith('src/registry/database/')) return sentences
  const used = file.imports
    .filter(({ module }) => /^node:fs(?:\/promises)?$/.test(module))
    .flatMap(({ locals }) => [...locals])
  for (const [name, local] of used) {
    // These open no descriptor of a file.
    const isHarmless = ['mkdirSync', 'mkdtemp', 'rm', 'stat'].includes(name)
    const opened = file.calls.filter((call) => call.name === local)
    const isWal = isHome && name === 'open' && opened.every(({ argument }) => argument === 'walPath')
    if (!isHarmless && !isWal)
      sentences.push(`${file.path} uses ${name} of node:fs: SQLite alone opens the database's files`)
  }
  return sentences
}
