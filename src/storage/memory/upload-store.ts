/** Uploads in a map, beside the blobs that they become. */
import type { Content } from '../blob-store.ts'
import type { Digest } from '../digest.ts'
import { StorageError } from '../errors.ts'
import { requireUploadId } from '../upload-id.ts'
import type { UploadStat, UploadStore } from '../upload-store.ts'
import type { MemoryBlobs } from './blob-store.ts'

interface Received {
  chunks: Buffer[]
  size: number
  modifiedAt: number
}

export function memoryUploads(blobs: MemoryBlobs): UploadStore {
  const uploads = new Map<string, Received>()
  const get = (id: string): Received => {
    requireUploadId(id)
    const upload = uploads.get(id)
    if (!upload) throw new StorageError('upload-missing', { id })
    return upload
  }
  return {
    async receive(content) {
      const chunks: Uint8Array[] = []
      for await (const chunk of content) chunks.push(Buffer.from(chunk))
      const bytes = Buffer.concat(chunks)
      return {
        async commit(digest, size) {
          if (bytes.length !== size) throw new StorageError('size-mismatch', { expected: size, actual: bytes.length })
          blobs.keep(digest, bytes)
        },
        discard: async () => undefined,
      }
    },
    async create(id) {
      requireUploadId(id)
      if (!uploads.has(id)) uploads.set(id, { chunks: [], size: 0, modifiedAt: Date.now() })
    },
    append: async (id, offset, content) => receive(get(id), id, offset, content),
    async size(id) {
      requireUploadId(id)
      return uploads.get(id)?.size
    },
    async read(id) {
      return passOn(get(id).chunks.slice())
    },
    async commit(id, digest: Digest, size) {
      const upload = get(id)
      if (upload.size !== size) throw new StorageError('size-mismatch', { id, expected: size, actual: upload.size })
      blobs.keep(digest, Buffer.concat(upload.chunks))
      uploads.delete(id)
    },
    async discard(id) {
      requireUploadId(id)
      return uploads.delete(id)
    },
    async *list() {
      for (const [id, upload] of [...uploads]) yield stat(id, upload)
    },
  }
}

async function receive(upload: Received, id: string, offset: number, content: Content): Promise<number> {
  if (offset > upload.size) throw new StorageError('offset-mismatch', { id, offset, size: upload.size })
  if (offset < upload.size) keepOnly(upload, offset)
  for await (const chunk of content) {
    upload.chunks.push(Buffer.from(chunk))
    upload.size += chunk.byteLength
    upload.modifiedAt = Date.now()
  }
  return upload.size
}

function keepOnly(upload: Received, size: number): void {
  upload.chunks = [Buffer.concat(upload.chunks).subarray(0, size)]
  upload.size = size
}

async function* passOn(chunks: readonly Buffer[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

function stat(id: string, upload: Received): UploadStat {
  return { id, size: upload.size, modifiedAt: upload.modifiedAt }
}
