/** SHA-256 of local files, noticing those that change meanwhile. */
import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { mismatchError } from './failure.ts'
import { eachParallel } from './pool.ts'
import type { LocalFile } from './tree.ts'

export interface HashedFile extends LocalFile {
  /** `sha256:<hex>`. */
  readonly digest: string
}

const BUFFER_BYTES = 1024 * 1024

/** In the order given. Throws a content mismatch for a file that changed while it was read. */
export async function hashFiles(
  files: readonly LocalFile[],
  options: { width: number; onBytes: (bytes: number) => void },
): Promise<readonly HashedFile[]> {
  const digests = new Map<string, string>()
  await eachParallel(files, options.width, async (file) => {
    const { digest, size } = await sha256Of(file.absolute, options.onBytes)
    if (size !== file.size) throw changed(file)
    await requireUnchanged(file)
    digests.set(file.path, digest)
  })
  return files.map((file) => ({ ...file, digest: digests.get(file.path)! }))
}

/** Throws a content mismatch when size or time of modification is another than when the tree was read. */
export async function requireUnchanged(file: LocalFile): Promise<void> {
  const now = await stat(file.absolute).catch(() => undefined)
  if (now?.size !== file.size || now.mtimeMs !== file.modifiedMs) throw changed(file)
}

export function changed(file: LocalFile): Error {
  return mismatchError(`${file.path} changed while it was being pushed; push again when nobody writes to it`)
}

export async function sha256Of(
  path: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  await using file = await open(path, 'r')
  let size = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size)
    if (bytesRead === 0) return { digest: `sha256:${hash.digest('hex')}`, size }
    hash.update(buffer.subarray(0, bytesRead))
    size += bytesRead
    onBytes(bytesRead)
  }
}
