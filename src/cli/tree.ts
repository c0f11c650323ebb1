/**
 * A folder as the files of a package: regular files in byte order of their paths. What a package cannot keep is never
 * left out in silence: it is refused by name, or (empty folders) reported.
 */
import type { Stats } from 'node:fs'
import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { type Exclusion, parseExclusions } from './exclude.ts'
import { usageError } from './failure.ts'
import { pathProblem } from './paths.ts'

export interface LocalFile {
  /** Relative, with '/'. */
  readonly path: string
  readonly absolute: string
  readonly size: number
  readonly modifiedMs: number
  /** Permission bits without set-id and sticky. */
  readonly mode: number
}

export interface Tree {
  readonly files: readonly LocalFile[]
  readonly emptyFolders: readonly string[]
}

/** A tree with what no package could hold, for who wants to know and not to refuse. */
export interface SurveyedTree extends Tree {
  /** `path: reason` each. */
  readonly refusals: readonly string[]
}

interface Walk {
  readonly root: string
  readonly isExcluded: Exclusion
  readonly files: LocalFile[]
  readonly emptyFolders: string[]
  readonly refusals: string[]
}

/** Throws a usage error that names everything that cannot be stored. */
export async function readTree(root: string, exclude: readonly string[] = []): Promise<Tree> {
  const { refusals, ...tree } = await surveyTree(root, exclude)
  if (refusals.length > 0) {
    const shown = refusals.slice(0, 20).map((line) => `  - ${line}`)
    const more = refusals.length > 20 ? [`  - and ${refusals.length - 20} more`] : []
    throw usageError(['a package cannot hold:', ...shown, ...more].join('\n'))
  }
  return tree
}

export async function surveyTree(root: string, exclude: readonly string[] = []): Promise<SurveyedTree> {
  const walk: Walk = {
    root: await realpath(root),
    isExcluded: parseExclusions(exclude),
    files: [],
    emptyFolders: [],
    refusals: [],
  }
  await visitFolder(walk, walk.root, '')
  refuseTwins(walk)
  return { files: walk.files.sort(byPath), emptyFolders: walk.emptyFolders.sort(), refusals: walk.refusals }
}

/** `path`: how the package names it. */
export async function readFileFacts(absolute: string, path: string): Promise<LocalFile> {
  const problem = pathProblem(path)
  if (problem) throw usageError(`'${path}' cannot be a path in a package: ${problem}; give another with --path`)
  return fileOf(path, absolute, await stat(absolute))
}

async function visitFolder(walk: Walk, folder: string, path: string): Promise<void> {
  const entries = await readdir(folder, { encoding: 'buffer' })
  let kept = 0
  for (const bytes of entries) {
    const name = bytes.toString('utf8')
    const inside = path === '' ? name : `${path}/${name}`
    if (walk.isExcluded(inside)) continue
    kept += 1
    // What does not survive the way to text and back would come back under another name.
    if (!Buffer.from(name).equals(bytes))
      walk.refusals.push(`${inside}: its name is not UTF-8 (${bytes.toString('hex')})`)
    else await visitEntry(walk, join(folder, name), inside)
  }
  if (kept === 0 && path !== '') walk.emptyFolders.push(path)
}

async function visitEntry(walk: Walk, absolute: string, path: string): Promise<void> {
  const found = await lstat(absolute)
  if (found.isDirectory()) return visitFolder(walk, absolute, path)
  const problem = pathProblem(path)
  if (problem) walk.refusals.push(`${path}: ${problem}`)
  else if (found.isSymbolicLink()) await visitLink(walk, absolute, path)
  else if (found.isFile()) walk.files.push(fileOf(path, absolute, found))
  else walk.refusals.push(`${path}: it is a socket, pipe or device`)
}

/** A link to a file of the same tree is stored as that file's content; every other link is refused. */
async function visitLink(walk: Walk, absolute: string, path: string): Promise<void> {
  let target: string
  try {
    target = await realpath(absolute)
  } catch {
    walk.refusals.push(`${path}: it is a link to nothing`)
    return
  }
  const found = await stat(target)
  if (!target.startsWith(walk.root + sep)) walk.refusals.push(`${path}: it is a link out of the folder`)
  else if (found.isFile()) walk.files.push(fileOf(path, target, found))
  else walk.refusals.push(`${path}: it is a link to what is no regular file`)
}

function fileOf(path: string, absolute: string, found: Stats): LocalFile {
  return { path, absolute, size: found.size, modifiedMs: found.mtimeMs, mode: found.mode & 0o777 }
}

/** Names that differ only in Unicode composition are one name on many disks, and the registry refuses the second. */
function refuseTwins(walk: Walk): void {
  const seen = new Map<string, string>()
  for (const { path } of walk.files) {
    const key = path.normalize('NFC')
    const other = seen.get(key)
    if (other !== undefined) walk.refusals.push(`${path}: it equals another name but for Unicode composition`)
    seen.set(key, path)
  }
}

function byPath(a: LocalFile, b: LocalFile): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))
}
