/** Walks the shard folders in digest order, one leaf folder in memory at a time. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredBlob } from '../blob-store.ts'
import { type Algorithm, algorithmOf, type Digest, hexOf } from '../digest.ts'
import { isMissing, onDisk } from './fault.ts'
import { blobNamed, type Layout, LISTED, SHARD_NAME } from './layout.ts'

export async function* listBlobs(layout: Layout, after: Digest | undefined): AsyncGenerator<StoredBlob> {
  const from = after && algorithmOf(after)
  for (const algorithm of LISTED) {
    if (from !== undefined && algorithm < from) continue
    yield* listAlgorithm(layout, algorithm, algorithm === from ? hexOf(after!) : '')
  }
}

async function* listAlgorithm(layout: Layout, algorithm: Algorithm, after: string): AsyncGenerator<StoredBlob> {
  const top = layout.algorithm(algorithm)
  for (const outer of await shardNames(top)) {
    if (outer < after.slice(0, 2)) continue
    for (const inner of await shardNames(join(top, outer))) {
      if (outer + inner < after.slice(0, 4)) continue
      yield* listLeaf(join(top, outer, inner), { algorithm, shards: outer + inner, after })
    }
  }
}

interface Leaf {
  readonly algorithm: Algorithm
  readonly shards: string
  readonly after: string
}

async function* listLeaf(folder: string, leaf: Leaf): AsyncGenerator<StoredBlob> {
  for (const name of await sortedNames(folder)) {
    const digest = blobNamed(leaf.algorithm, leaf.shards, name)
    if (!digest || name <= leaf.after) continue
    const blob = await storedBlob(join(folder, name), digest)
    if (blob) yield blob
  }
}

async function storedBlob(path: string, digest: Digest): Promise<StoredBlob | undefined> {
  try {
    const found = await stat(path)
    // The time of the rename, not of the last write: an upload's last byte may have come a day before its commit, and
    // a collector that believed the blob to be that old would take it before its event is recorded.
    return found.isFile() ? { digest, size: found.size, storedAt: Math.floor(found.ctimeMs) } : undefined
  } catch (error) {
    if (isMissing(error)) return undefined
    return onDisk('stat', () => Promise.reject(error))
  }
}

async function shardNames(folder: string): Promise<string[]> {
  return (await sortedNames(folder)).filter((name) => SHARD_NAME.test(name))
}

async function sortedNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    return onDisk('readdir', () => Promise.reject(error))
  }
}
