/**
 * One root and this process's standing in it: its names for temporary files, what it has made durable, and the one way
 * in which a file becomes a blob.
 */
import { open, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Digest } from '../digest.ts'
import { failpoint } from '../failpoint.ts'
import { type DurableFolders, durableFolders } from './durable-folders.ts'
import { isMissing, onDisk, storageFault } from './fault.ts'
import { type Layout, layoutOf } from './layout.ts'
import { temporaryNames } from './temporary-files.ts'

export type Durability = 'durable' | 'relaxed'

export interface MoveIn {
  /** Names the failpoints that are passed. */
  readonly step: 'blob' | 'upload'
  /** Brings the file's bytes to the disk, which comes before its rename. */
  readonly flush: () => Promise<void>
}

export interface Place {
  readonly layout: Layout
  readonly folders: DurableFolders
  readonly isDurable: boolean
  /** A path for a new temporary file, used by nobody else. */
  temporary(): string
  /** Flushes a complete file, renames it to its address and makes that durable. */
  moveIn(from: string, digest: Digest, how: MoveIn): Promise<void>
  /** Whether there is a blob of this size at the address. */
  holds(digest: Digest, size: number): Promise<boolean>
  /**
   * Makes a blob found in the store durable, which the process that wrote it may not have come to (core rule 11).
   * False when it is gone meanwhile.
   */
  vouch(digest: Digest): Promise<boolean>
}

/** Blobs vouched for that are remembered. Forgetting one costs an fsync of clean pages. */
const REMEMBERED = 16_384

export function placeAt(root: string, durability: Durability, onFolderFailure?: (error: unknown) => void): Place {
  const layout = layoutOf(root)
  const folders = durableFolders(durability, onFolderFailure)
  const nextName = temporaryNames()
  const isDurable = durability === 'durable'
  /** Path to inode and time of last write: a blob that was removed and put again by another process is another one. */
  const vouched = new Map<string, string>()

  async function moveIn(from: string, digest: Digest, { step, flush }: MoveIn): Promise<void> {
    const shards = layout.shards(digest)
    const settleFolders = await folders.make(shards)
    // Together: each flush of its own would wait for the disk once more, where the file system makes them one.
    await Promise.all([flush(), settleFolders()])
    await onDisk('rename', async () => {
      failpoint(`${step}.before-rename`)
      await rename(from, layout.blob(digest))
      failpoint(`${step}.before-directory-fsync`)
    })
    // An entry that stays behind in `tmp` is removed by the next start; one of an upload could be gone on with.
    const left = dirname(from)
    await Promise.all([folders.sync(shards.at(-1)!), left === layout.tmp ? undefined : folders.sync(left)])
  }

  async function holds(digest: Digest, size: number): Promise<boolean> {
    try {
      const found = await stat(layout.blob(digest))
      return found.isFile() && found.size === size
    } catch (error) {
      if (isMissing(error)) return false
      throw storageFault('stat', error)
    }
  }

  async function vouch(digest: Digest): Promise<boolean> {
    if (!isDurable) return true
    const path = layout.blob(digest)
    try {
      const found = await stat(path, { bigint: true })
      const identity = `${found.ino}:${found.mtimeNs}`
      if (vouched.get(path) === identity) return true
      await fsyncFile(path)
      const settleFolders = await folders.make(layout.shards(digest))
      await Promise.all([folders.sync(dirname(path)), settleFolders()])
      remember(vouched, path, identity)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw storageFault('fsync', error)
    }
  }

  return { layout, folders, isDurable, temporary: () => join(layout.tmp, nextName()), moveIn, holds, vouch }
}

function remember(vouched: Map<string, string>, path: string, identity: string): void {
  vouched.set(path, identity)
  if (vouched.size > REMEMBERED) vouched.delete(vouched.keys().next().value!)
}

async function fsyncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
