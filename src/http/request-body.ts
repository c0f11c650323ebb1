/**
 * Whether a request has a body, and a whole one in memory, for documents with a small limit. Bytes of blobs never pass here.
 */
import type { IncomingMessage } from 'node:http'
import { RequestError } from './request-error.ts'

/**
 * Reads to the end. Throws `body-too-large` as soon as `limit` bytes are passed, whatever length was announced: bodies
 * come chunked, without one. Throws `body-incomplete` when the sender stops before the end.
 */
export async function readBody(content: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of content) {
      size += chunk.length
      if (size > limit) throw new RequestError('body-too-large', `the body is larger than ${limit} bytes`, { limit })
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof RequestError) throw error
    throw new RequestError('body-incomplete', 'the body ended before its announced length', {}, { cause: error })
  }
  return Buffer.concat(chunks, size)
}

/** `request.complete` is still false inside the 'request' event, also for requests without a body. */
export function expectsBody(request: IncomingMessage): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true
  const length = request.headers['content-length']
  return length !== undefined && length !== '0'
}
