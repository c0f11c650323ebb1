/**
 * The SPI for bytes that are not yet a blob. It belongs to one backend: `commit` makes the bytes a blob of the blob
 * store beside it, without copying them where the backend can rename.
 * Ids are chosen by the caller: 1 to 64 characters of `[A-Za-z0-9_-]`.
 */
import type { Content } from './blob-store.ts'
import type { Digest } from './digest.ts'

export interface UploadStat {
  readonly id: string
  readonly size: number
  /** Milliseconds since the epoch of the last write. */
  readonly modifiedAt: number
}

/** Bytes that came in one go and are held until one of these is called. */
export interface Received {
  /** As `UploadStore.commit`. When it throws, the bytes are still to be discarded. */
  commit(digest: Digest, size: number): Promise<void>
  /** Repeating it, also after a commit, is not an error. */
  discard(): Promise<void>
}

export interface UploadStore {
  /**
   * Takes a whole content that nobody will go on with, under no id: it costs less than an upload. Not durable before its
   * commit. When the content fails, nothing is left and the error is thrown on.
   */
  receive(content: Content): Promise<Received>
  /** Makes an empty upload; repeating it on an upload that exists changes nothing. */
  create(id: string): Promise<void>
  /**
   * Writes `content` at `offset` and returns the new size, durable when it returns or throws. Bytes beyond `offset`,
   * left by a request that was never acknowledged, are dropped first; an offset beyond the end throws
   * `offset-mismatch` and changes nothing. When the content fails midway, what arrived stays, durable, and the error
   * is thrown on: `size` tells how much. One append at a time for each upload; the caller sees to that.
   * With `ends: true` the caller commits or discards at once, so the flush may be left to `commit`.
   */
  append(id: string, offset: number, content: Content, options?: { ends?: boolean }): Promise<number>
  /** Undefined when there is no such upload. */
  size(id: string): Promise<number | undefined>
  /** The bytes received so far, from the beginning. Throws `upload-missing`. */
  read(id: string): Promise<Content>
  /**
   * The bytes become the blob `digest`, durable when it returns; the upload is gone. A blob that is there already with
   * the same size stays and the upload's bytes are dropped; one of another size is replaced. Throws `upload-missing`,
   * `size-mismatch`.
   */
  commit(id: string, digest: Digest, size: number): Promise<void>
  /** True if there was one. Repeating it is not an error. */
  discard(id: string): Promise<boolean>
  list(): AsyncIterable<UploadStat>
}
