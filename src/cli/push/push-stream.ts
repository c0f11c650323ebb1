/**
 * A push of one file from a pipe: its size and digest are known at the end only, so it goes up in chunks as it comes,
 * and a second run cannot resume it.
 */
import { createHash, randomUUID } from 'node:crypto'
import {
  type CompleteUploadJson,
  type FileJson,
  type NewPackageJson,
  type NewUploadJson,
  type PackageJson,
  paths,
  type UploadJson,
} from '../../native-api/wire.ts'
import type { ApiClient } from '../api-client.ts'
import { mismatchError } from '../failure.ts'
import { mediaTypeOf } from '../paths.ts'
import { appendChunk } from './append-chunk.ts'
import { Draft } from './draft.ts'
import { CHUNK_BYTES, fileForm, SMALL_FILE_BYTES } from './upload-file.ts'

export interface StreamPush {
  readonly package: NewPackageJson
  readonly path: string
  readonly content: AsyncIterable<Uint8Array | string>
}

export async function pushStream(
  api: ApiClient,
  push: StreamPush,
): Promise<{ package: PackageJson; size: number; digest: string }> {
  const key = { idempotencyKey: `push-${randomUUID()}`, knownId: undefined }
  const { draft } = await Draft.open(api, push.package, key)
  const hash = createHash('sha256')
  let size = 0
  let uploadId: string | undefined
  let whole: Buffer<ArrayBuffer> | undefined
  for await (const { content, isLast } of chunksOf(push.content)) {
    hash.update(content)
    if (isLast && size === 0 && content.length <= SMALL_FILE_BYTES) whole = content
    else {
      uploadId ??= await beginUpload(api)
      await appendAll(api, uploadId, { content, at: size })
    }
    size += content.length
  }
  const digest = `sha256:${hash.digest('hex')}`
  const added = uploadId === undefined ? await sendWhole() : await complete(uploadId)
  if (added.sha256 !== digest) throw mismatchError(`the server stored other bytes than it was sent (${added.sha256})`)
  return { package: await draft.finalize(), size, digest }

  async function sendWhole(): Promise<FileJson> {
    const body = fileForm({ path: push.path, content: whole ?? Buffer.alloc(0) })
    return api.json<FileJson>({ method: 'POST', path: paths.packageFiles(draft.id), body })
  }
  async function complete(id: string): Promise<FileJson> {
    const json: CompleteUploadJson = {
      package_id: draft.id,
      relative_path: push.path,
      media_type: mediaTypeOf(push.path),
      digest,
      size,
    }
    return api.json<FileJson>({ method: 'POST', path: paths.completeUpload(id), json })
  }
}

async function beginUpload(api: ApiClient): Promise<string> {
  const json: NewUploadJson = {}
  return (await api.json<UploadJson>({ method: 'POST', path: paths.uploads, json })).id
}

async function appendAll(
  api: ApiClient,
  id: string,
  chunk: { content: Buffer<ArrayBuffer>; at: number },
): Promise<void> {
  const end = chunk.at + chunk.content.length
  let at = chunk.at
  while (at < end) {
    at = await appendChunk(api, id, { content: chunk.content.subarray(at - chunk.at), at })
    // A pipe cannot be read again.
    if (at < chunk.at) throw mismatchError('the server lost bytes of this upload; push again')
  }
}

/** Chunks of one size, the last one smaller; at least one. */
async function* chunksOf(
  source: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<{ content: Buffer<ArrayBuffer>; isLast: boolean }> {
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let filled = 0
  for await (const piece of source) {
    let rest: Uint8Array = typeof piece === 'string' ? Buffer.from(piece) : piece
    while (rest.length > 0) {
      if (filled === chunk.length) {
        yield { content: chunk, isLast: false }
        chunk = Buffer.allocUnsafe(CHUNK_BYTES)
        filled = 0
      }
      const taken = rest.subarray(0, chunk.length - filled)
      chunk.set(taken, filled)
      filled += taken.length
      rest = rest.subarray(taken.length)
    }
  }
  yield { content: chunk.subarray(0, filled), isLast: true }
}
