/**
 * One file into a draft. Small ones go in one request; of larger ones the server is asked first whether it has them,
 * else they go in chunks that can be resumed, by this process after an outage and by the next one after a kill.
 */
import { open } from 'node:fs/promises'
import {
  type CompleteUploadJson,
  FILE_PART,
  type FileJson,
  type NewUploadJson,
  paths,
  type UploadJson,
} from '../../native-api/wire.ts'
import { type ApiClient, ApiError } from '../api-client.ts'
import { mismatchError } from '../failure.ts'
import { changed, type HashedFile, requireUnchanged } from '../hash-files.ts'
import { mediaTypeOf } from '../paths.ts'
import { appendChunk, uploadOutageOf } from './append-chunk.ts'
import type { Draft } from './draft.ts'
import type { PushState } from './push-state.ts'

/** Up to here a second request would cost more than bytes the server may have already. */
export const SMALL_FILE_BYTES = 256 * 1024
export const CHUNK_BYTES = 16 * 1024 * 1024

export interface UploadContext {
  readonly api: ApiClient
  readonly draft: Draft
  readonly state: PushState
  /** Bytes of this file that are done; less than before when work was lost. */
  readonly onProgress: (path: string, done: number) => void
}

/** How the file came to be in the draft. */
export type UploadOutcome = 'there' | 'known' | 'sent'

/** Throws a content mismatch when the file changed since it was hashed, or the draft holds other content under its path. */
export async function uploadFile(context: UploadContext, file: HashedFile): Promise<UploadOutcome> {
  if (await isInDraft(context, file)) return 'there'
  await requireUnchanged(file)
  const send = () => (file.size <= SMALL_FILE_BYTES ? sendWhole(context, file) : sendChunks(context, file))
  try {
    return await send()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    if (error.problemCode === 'digest-mismatch') throw changed(file)
    const isGone = error.problemCode === 'upload-unknown'
    if (!isGone && error.problemCode !== 'path-taken' && error.problemCode !== 'package-finalized') throw error
    // An answer was lost on the way, or the same push runs twice: the file may be in the draft for all that.
    if (await isInDraft(context, file, { fresh: true })) return 'sent'
    if (!isGone) throw error
    // The upload expired, or another run of this push used it up.
    context.state.forgetUpload(file.path)
    return send()
  }
}

async function isInDraft(
  context: UploadContext,
  file: HashedFile,
  options: { fresh?: boolean } = {},
): Promise<boolean> {
  const there = await context.draft.fileAt(file.path, options)
  if (!there) return false
  if (there.sha256 === file.digest || there.digest === file.digest) return true
  throw mismatchError(
    `the package already holds another ${file.path} (${there.sha256 ?? there.digest}); push with --new`,
  )
}

async function sendWhole(context: UploadContext, file: HashedFile): Promise<UploadOutcome> {
  const content = Buffer.alloc(file.size)
  await readExactly(file, content, 0)
  const added = await context.api.json<FileJson>({
    method: 'POST',
    path: paths.packageFiles(context.draft.id),
    body: fileForm({ path: file.path, mode: file.mode, content }),
  })
  // The form names no digest, so this is where a change between hashing and reading shows.
  if (added.sha256 !== file.digest) throw changed(file)
  context.onProgress(file.path, file.size)
  return 'sent'
}

export function fileForm(file: { path: string; mode?: number; content: Buffer<ArrayBuffer> }): FormData {
  const form = new FormData()
  form.set('relative_path', file.path)
  form.set('media_type', mediaTypeOf(file.path))
  if (file.mode !== undefined) form.set('mode', modeText(file.mode))
  form.set(FILE_PART, new Blob([file.content]), 'file')
  return form
}

export function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

async function sendChunks(context: UploadContext, file: HashedFile): Promise<UploadOutcome> {
  const { api, draft, state } = context
  const begun = await resumeUpload(context, file)
  if (begun === 'known') {
    context.onProgress(file.path, file.size)
    return 'known'
  }
  let offset = begun.size
  context.onProgress(file.path, offset)
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, file.size))
  while (offset < file.size) {
    const part = chunk.subarray(0, Math.min(chunk.length, file.size - offset))
    await readExactly(file, part, offset)
    offset = await appendChunk(api, begun.id, { content: part, at: offset, total: file.size })
    context.onProgress(file.path, offset)
  }
  const request: CompleteUploadJson = {
    package_id: draft.id,
    relative_path: file.path,
    media_type: mediaTypeOf(file.path),
    mode: modeText(file.mode),
    digest: file.digest,
    size: file.size,
  }
  try {
    const completion = { method: 'POST', path: paths.completeUpload(begun.id), json: request }
    // A server that was killed while completing leaves the upload busy until its lease lapses.
    await api.retrying(async () => api.parsed<FileJson>(await api.once(completion)), uploadOutageOf)
  } catch (error) {
    // Bytes that hash to something else are of no use to a next attempt.
    if (error instanceof ApiError && error.problemCode === 'digest-mismatch') state.forgetUpload(file.path)
    throw error
  }
  state.forgetUpload(file.path)
  return 'sent'
}

/** The upload of an earlier run where it still lives, else a new one; or `known` when the server has the bytes. */
async function resumeUpload(context: UploadContext, file: HashedFile): Promise<UploadJson | 'known'> {
  const { api, draft, state } = context
  const remembered = state.uploadOf(file.path)
  if (remembered !== undefined) {
    const response = await api.request({ path: paths.upload(remembered), accept: [404] })
    if (response.ok) {
      const upload = await api.parsed<UploadJson>(response)
      if (upload.size <= file.size) return upload
    } else {
      await response.body?.cancel()
    }
    state.forgetUpload(file.path)
  }
  const request: NewUploadJson = {
    digest: file.digest,
    size: file.size,
    package_id: draft.id,
    relative_path: file.path,
    media_type: mediaTypeOf(file.path),
    mode: modeText(file.mode),
  }
  const response = await api.request({ method: 'POST', path: paths.uploads, json: request })
  if (response.status === 201) {
    await response.body?.cancel()
    return 'known'
  }
  const upload = await api.parsed<UploadJson>(response)
  state.rememberUpload(file.path, upload.id)
  return upload
}

async function readExactly(file: HashedFile, target: Buffer, position: number): Promise<void> {
  await using handle = await open(file.absolute, 'r')
  let filled = 0
  while (filled < target.length) {
    const { bytesRead } = await handle.read(target, filled, target.length - filled, position + filled)
    if (bytesRead === 0) throw changed(file)
    filled += bytesRead
  }
}
