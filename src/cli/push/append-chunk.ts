/** One chunk of an upload, sent until the server has it: after any outage the server is asked how far it got. */
import { MEDIA_TYPES, paths, type UploadJson } from '../../native-api/wire.ts'
import { type ApiClient, ApiError, outageOf } from '../api-client.ts'
import type { Outage } from '../retry.ts'

export interface Chunk {
  readonly content: Buffer<ArrayBuffer>
  /** Offset of the first byte in the upload. */
  readonly at: number
  /** The upload's final size, where it is known. */
  readonly total?: number
}

/** The offset up to which the server has the upload: the chunk's end, or some way into it. */
export async function appendChunk(api: ApiClient, uploadId: string, chunk: Chunk): Promise<number> {
  const end = chunk.at + chunk.content.length
  let at = chunk.at
  let isSure = true
  return api.retrying(async () => {
    if (!isSure) {
      at = (await api.parsed<UploadJson>(await api.once({ path: paths.upload(uploadId) }))).size
      // Bytes this process no longer holds can only be sent by reading the file again.
      if (at < chunk.at || at > end) return at
      if (at === end) return end
    }
    isSure = false
    const upload = await api.once({
      method: 'PATCH',
      path: paths.upload(uploadId),
      body: chunk.content.subarray(at - chunk.at),
      headers: {
        'content-type': MEDIA_TYPES.bytes,
        'content-range': `bytes ${at}-${end - 1}/${chunk.total ?? '*'}`,
      },
    })
    return (await api.parsed<UploadJson>(upload)).size
  }, uploadOutageOf)
}

/** Beside the usual ones: the server still holds the connection that broke, or counts other bytes than we do. */
export function uploadOutageOf(error: unknown): Outage | undefined {
  if (error instanceof ApiError && error.problemCode === 'upload-busy') return { reason: 'the upload is still busy' }
  if (error instanceof ApiError && error.problemCode === 'upload-offset-mismatch')
    return { reason: 'asking for the offset' }
  return outageOf(error)
}
