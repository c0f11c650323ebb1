/**
 * Where things lie under the root. All on one file system, so that a rename moves between them atomically.
 *
 *     <root>/blake3/ab/cd/abcd...      a blob; the folders are made when first needed and never removed
 *     <root>/uploads/<id>              bytes received so far; their number is the upload's offset
 *     <root>/quarantine/<hex>.<n>      damaged bytes, the n-th of that digest
 *     <root>/tmp/<writer>.<n>          a blob being written
 */
import { join } from 'node:path'
import { ALGORITHMS, type Algorithm, algorithmOf, type Digest, HEX_LENGTH, hexOf, parseDigest } from '../digest.ts'

export interface Layout {
  readonly root: string
  readonly uploads: string
  readonly quarantine: string
  readonly tmp: string
  algorithm(algorithm: Algorithm): string
  blob(digest: Digest): string
  /** The same below the root, joined with '/' on every platform. */
  pathBelowRoot(digest: Digest): string
  /** From the outermost folder made for the digest to the one that holds it, each below the one before. */
  shards(digest: Digest): readonly string[]
}

export function layoutOf(root: string): Layout {
  const shards = (digest: Digest) => {
    const hex = hexOf(digest)
    const algorithm = join(root, algorithmOf(digest))
    const outer = join(algorithm, hex.slice(0, 2))
    return [algorithm, outer, join(outer, hex.slice(2, 4))]
  }
  return {
    root,
    uploads: join(root, 'uploads'),
    quarantine: join(root, 'quarantine'),
    tmp: join(root, 'tmp'),
    algorithm: (algorithm) => join(root, algorithm),
    shards,
    blob: (digest) => join(shards(digest).at(-1)!, hexOf(digest)),
    pathBelowRoot(digest) {
      const hex = hexOf(digest)
      return [algorithmOf(digest), hex.slice(0, 2), hex.slice(2, 4), hex].join('/')
    },
  }
}

/** The algorithms whose folders a listing walks, in digest order. */
export const LISTED: readonly Algorithm[] = [...ALGORITHMS].sort()

export const SHARD_NAME = /^[0-9a-f]{2}$/

/** The digest of a file found in a shard folder; undefined for a foreign or misplaced file, which is no blob. */
export function blobNamed(algorithm: Algorithm, shards: string, hex: string): Digest | undefined {
  if (hex.length !== HEX_LENGTH[algorithm] || !hex.startsWith(shards)) return undefined
  return parseDigest(`${algorithm}:${hex}`)
}
