/** Conditional requests on content that a digest names: the digest is the strong ETag, and nothing is ever modified. */
import { type ApiRequest, ifMatchHolds, isNotModified } from '../http/index.ts'
import { ApiError } from './problem.ts'

/** Bytes that a digest names never change; `private`, because reading them takes a credential. */
export const IMMUTABLE = 'private, max-age=31536000, immutable'

export function entityTag(digest: string): string {
  return `"${digest}"`
}

/** True: answer 304. Throws `precondition-failed`. In the order of RFC 9110, section 13.2.2. */
export function isUnchanged(request: ApiRequest, etag: string): boolean {
  if (!ifMatchHolds(request.headers['if-match'], etag)) {
    throw new ApiError('precondition-failed', `If-Match does not name ${etag}, which is what is here`, {
      detail: { field: 'If-Match', etag },
    })
  }
  return isNotModified(request.headers['if-none-match'], etag)
}
