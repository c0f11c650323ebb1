/** A folder for a local store, and a look at what lies in it. */
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

export interface LocalRoot {
  readonly root: string
  /** Every file below the root, as a relative path. */
  files(): Promise<string[]>
  /** Files that no finished call leaves behind. */
  leftovers(): Promise<string[]>
  remove(): Promise<void>
}

export async function makeLocalRoot(): Promise<LocalRoot> {
  const outer = await mkdtemp(join(tmpdir(), 'local-store-'))
  await chmod(outer, 0o755)
  return localRoot(join(outer, 'root'), () => rm(outer, { recursive: true, force: true }))
}

export function localRoot(root: string, remove: () => Promise<void>): LocalRoot {
  const files = () => filesBelow(root)
  const leftovers = async () => (await files()).filter((file) => file.startsWith('tmp/'))
  return { root, files, leftovers, remove }
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}
