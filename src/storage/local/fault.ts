/** What the file system's failures mean to the caller of a store. The backend classifies; nobody above reads errno. */
import { StorageError, type StorageErrorCode } from '../errors.ts'

const CODES: Readonly<Record<string, StorageErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
}

/** Passing shortages of this process or machine: the same call can succeed a moment later. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR', 'ETIMEDOUT', 'ESTALE'])

export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

/** True where the error says that there is nothing at the path. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}

/** The same failure in the words of the SPI. Leaves StorageErrors as they are. */
export function storageFault(operation: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const errno = errnoOf(error)
  const code = (errno && CODES[errno]) || 'unavailable'
  return new StorageError(
    code,
    { operation, errno },
    { cause: error, retryable: errno !== undefined && PASSING.has(errno) },
  )
}

/**
 * Runs a piece of disk work and translates its failures. Wraps the disk only, never the content being stored: what the
 * content throws must reach the caller unchanged.
 */
export async function onDisk<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageFault(operation, error)
  }
}
