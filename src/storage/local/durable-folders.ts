/**
 * Makes folder entries survive power loss. A rename or a new folder is on disk only after the folder that holds the
 * entry has been fsynced, and an entry made by another process only after this one has done so (core rule 11).
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, onDisk } from './fault.ts'

/** Some network file systems know no fsync of a folder; there is nothing more to do on them. */
const NO_FOLDER_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

export interface DurableFolders {
  /** Flushes the entries of a folder as they are when this is called. */
  sync(folder: string): Promise<void>
  /**
   * Makes the folders, outermost first, where missing; the parent of the first one exists. The function returned makes
   * their own entries durable: a step of its own, so that one flush of the disk serves them and what is put in them.
   */
  make(folders: readonly string[]): Promise<() => Promise<void>>
}

/** `onFailure` is told of a folder whose fsync failed: other processes would not know. */
export function durableFolders(
  durability: 'durable' | 'relaxed',
  onFailure: (error: unknown) => void = () => undefined,
): DurableFolders {
  const sync = durability === 'durable' ? sharedSync(onFailure) : async () => {}
  /** Folders whose own entry this process knows to be on disk. At most the 65,792 shard folders. */
  const known = new Set<string>()

  async function make(folders: readonly string[]): Promise<() => Promise<void>> {
    const fresh = known.has(folders.at(-1)!) ? [] : folders.filter((folder) => !known.has(folder))
    // One level at a time and never the parent: a root that was unmounted must fail, not be made again elsewhere.
    for (const folder of fresh) await onDisk('mkdir', () => makeOne(folder))
    return async () => {
      await Promise.all(fresh.map((folder) => sync(dirname(folder))))
      for (const folder of fresh) known.add(folder)
    }
  }

  return { sync, make }
}

async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/**
 * One fsync at a time for each folder, shared by all that asked before it began: under load a folder is flushed once for
 * many renames. After a failed fsync the kernel forgets what it could not write and says yes the next time, so a folder
 * whose fsync failed stays failed until the process is restarted.
 */
function sharedSync(onFailure: (error: unknown) => void): (folder: string) => Promise<void> {
  const running = new Map<string, Promise<void>>()
  const waiting = new Map<string, Promise<void>>()
  const failed = new Map<string, unknown>()

  const run = (folder: string): Promise<void> => {
    const lose = (error: unknown): void => {
      failed.set(folder, error)
      onFailure(error)
    }
    const flush = onDisk('fsync', () => fsyncFolder(folder, lose)).finally(() => running.delete(folder))
    running.set(folder, flush)
    return flush
  }
  return async (folder) => {
    if (failed.has(folder)) await onDisk('fsync', () => Promise.reject(failed.get(folder)))
    const current = running.get(folder)
    if (!current) return run(folder)
    // The running fsync may have begun before this caller's rename, so it waits for the one after.
    let next = waiting.get(folder)
    if (!next) {
      next = current
        .catch(() => {})
        .then(() => {
          waiting.delete(folder)
          return run(folder)
        })
      waiting.set(folder, next)
    }
    return next
  }
}

async function fsyncFolder(folder: string, onFailure: (error: unknown) => void): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(folder, 'r')
    await handle.sync()
  } catch (error) {
    if (NO_FOLDER_SYNC.has(errnoOf(error) ?? '')) return
    if (handle) onFailure(error)
    throw error
  } finally {
    await handle?.close()
  }
}
