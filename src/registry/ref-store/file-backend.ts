/**
 * Refs in a folder of their own, without a registry. One file holds both halves of a pair and appears by one rename, so
 * no reader meets a new manifest beside old data, and no crash leaves one without the other:
 *
 *   <fileDir>/stacks/web/42@pair     the pair of `stacks/web/42`
 *   <fileDir>/stacks/web@pair        the pair of `stacks/web`, beside the folder of the refs below it
 *   <fileDir>/@incoming/<random>     a pair on its way; what a crash left there is removed by the next open
 */
import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { RegistryError } from '../errors.ts'
import { decodePair, encodePair } from './pair-file.ts'
import { pairPath } from './pair-path.ts'
import { parseRef, type RefPair, type RefStore, refUnknown } from './ref-store.ts'

const INCOMING = '@incoming'
/** Younger ones may belong to another process that is writing now. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000

/** Makes `fileDir` where it is missing. Throws `field-invalid` without one, `unavailable` when it cannot be made. */
export async function openFileRefStore(config: { readonly fileDir?: string }): Promise<RefStore> {
  const root = config.fileDir
  if (!root) {
    throw new RegistryError('field-invalid', "the ref store 'file' needs fileDir: the folder to keep refs in", {
      field: 'fileDir',
    })
  }
  await onDisk(async () => {
    const incoming = join(root, INCOMING)
    const outermost = await mkdir(incoming, { recursive: true })
    await syncEntries(incoming, outermost ?? root)
    await removeLeftovers(join(root, INCOMING))
  })
  return new FileRefStore(root)
}

class FileRefStore implements RefStore {
  readonly name = 'file'
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  async put(ref: string, data: Uint8Array, manifest: Uint8Array): Promise<void> {
    const target = this.#pathOf(ref)
    const bytes = encodePair(ref, { data, manifest })
    await onDisk(async () => {
      const folder = dirname(target)
      if (!(await holds(target, bytes))) {
        await mkdir(folder, { recursive: true })
        await this.#write(target, bytes)
      }
      // Also where nothing was written: the rename that put the bytes there may not be on disk yet.
      await syncPath(folder)
      await syncEntries(folder, this.#root)
    })
  }

  async get(ref: string): Promise<RefPair> {
    const target = this.#pathOf(ref)
    const bytes = await onDisk(() => readIfThere(target))
    if (bytes === undefined) throw refUnknown(ref)
    return decodePair(ref, bytes)
  }

  async exists(ref: string): Promise<boolean> {
    const target = this.#pathOf(ref)
    return onDisk(async () => (await statIfThere(target))?.isFile() ?? false)
  }

  #pathOf(ref: string): string {
    return join(this.#root, pairPath(parseRef(ref)))
  }

  async #write(target: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#root, INCOMING, randomUUID())
    try {
      const file = await open(temporary, 'wx', 0o644)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, target)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw error
    }
  }
}

/** Reads the file only when it has the right length. */
async function holds(path: string, bytes: Buffer): Promise<boolean> {
  if ((await statIfThere(path))?.size !== bytes.length) return false
  return (await readIfThere(path))?.equals(bytes) ?? false
}

/**
 * Flushes the entries that lead from `outermost` to `folder`, also of folders that were there: another put may have made
 * them a moment ago without having flushed them yet.
 */
async function syncEntries(folder: string, outermost: string): Promise<void> {
  for (let entry = folder; ; entry = dirname(entry)) {
    await syncPath(dirname(entry))
    if (entry === outermost || entry === dirname(entry)) return
  }
}

async function removeLeftovers(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name)
    const found = await stat(path).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { force: true })
  }
}

function readIfThere(path: string): Promise<Buffer | undefined> {
  return ifThere(readFile(path))
}

function statIfThere(path: string): Promise<Stats | undefined> {
  return ifThere(stat(path))
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** Failures of the file system as what they mean to the caller. */
async function onDisk<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined) throw cause
    if (errno === 'ENOSPC' || errno === 'EDQUOT') {
      throw new RegistryError('storage-full', 'the folder of the ref store has no room', { errno }, { cause })
    }
    throw new RegistryError('unavailable', `the folder of the ref store cannot be used: ${errno}`, { errno }, { cause })
  }
}
