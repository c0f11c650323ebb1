/**
 * Where a pull writes: every path checked before the first byte, no folder entered through a link, no existing file
 * touched that is another's.
 */
import { lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileJson } from '../../native-api/wire.ts'
import { CliError, EXIT, mismatchError } from '../failure.ts'
import { sha256Of } from '../hash-files.ts'
import { pathProblem } from '../paths.ts'

export interface PlannedFile {
  readonly file: FileJson
  readonly target: string
  /** Already there with the same content. */
  readonly isThere: boolean
}

/**
 * Throws a content mismatch for paths that must not be written, a conflict naming all existing files that differ
 * (unless `force`).
 */
export async function planTargets(
  root: string,
  files: readonly FileJson[],
  options: { force: boolean },
): Promise<readonly PlannedFile[]> {
  const unsafe = files.filter((file) => pathProblem(file.relative_path) !== undefined)
  if (unsafe.length > 0) {
    const lines = unsafe.slice(0, 20).map(({ relative_path: path }) => `  - '${path}': ${pathProblem(path)}`)
    throw mismatchError(['the package names files that must not be written here:', ...lines].join('\n'))
  }
  const planned: PlannedFile[] = []
  const conflicts: string[] = []
  for (const file of files) {
    const target = join(root, ...file.relative_path.split('/'))
    await requireRealFolders(root, file.relative_path)
    const found = await stateOf(target, file)
    if (found === 'other' && !options.force) conflicts.push(file.relative_path)
    planned.push({ file, target, isThere: found === 'same' })
  }
  if (conflicts.length === 0) return planned
  const shown = conflicts.slice(0, 20).map((path) => `  - ${path}`)
  const more = conflicts.length > 20 ? [`  - and ${conflicts.length - 20} more`] : []
  throw new CliError({
    code: 'files-differ',
    message: ['these files exist with other content; --force replaces them:', ...shown, ...more].join('\n'),
    exit: EXIT.conflict,
  })
}

/** Makes the folders of `path` below `root`, one at a time, refusing links. */
export async function makeFolders(root: string, path: string): Promise<void> {
  await mkdir(root, { recursive: true })
  let folder = root
  for (const segment of path.split('/').slice(0, -1)) {
    folder = join(folder, segment)
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await requireFolder(folder)
  }
}

async function requireRealFolders(root: string, path: string): Promise<void> {
  let folder = root
  for (const segment of path.split('/').slice(0, -1)) {
    folder = join(folder, segment)
    if ((await requireFolder(folder)) === 'missing') return
  }
}

/** A link in the way could lead the files out of the target. */
async function requireFolder(folder: string): Promise<'folder' | 'missing'> {
  const found = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return 'missing'
  if (found.isDirectory()) return 'folder'
  const what = found.isSymbolicLink() ? 'a symbolic link' : 'no folder'
  throw new CliError({
    code: 'folder-in-the-way',
    message: `${folder} is ${what}, and files would go below it; remove it or pull somewhere else with -o`,
    exit: EXIT.conflict,
  })
}

async function stateOf(target: string, file: FileJson): Promise<'missing' | 'same' | 'other'> {
  const found = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return 'missing'
  if (found.isDirectory()) {
    throw new CliError({
      code: 'folder-in-the-way',
      message: `${target} is a folder, and a file of that name would go there`,
      exit: EXIT.conflict,
    })
  }
  if (!found.isFile() || found.size !== file.size || file.sha256 === undefined) return 'other'
  return (await sha256Of(target)).digest === file.sha256 ? 'same' : 'other'
}
