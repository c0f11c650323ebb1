/** The headers and paths that answers of `/v2/` have in common. */
import type { Reply } from '../http/index.ts'
import type { RepositoryName, Upload } from '../registry/index.ts'
import type { Digest } from '../storage/index.ts'

/** Sent with every answer: docker and its descendants know a registry by it. */
export const OCI_HEADERS: Readonly<Record<string, string>> = {
  'Docker-Distribution-API-Version': 'registry/2.0',
  // What is stored here came from anybody: a browser that is led to it must neither guess its type nor run it.
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
}

// Locations are path-absolute: oras and crane refuse another host or scheme, and behind a proxy we do not know ours.

export function blobPath(repository: RepositoryName, digest: Digest): string {
  return `/v2/${repository}/blobs/${digest}`
}

export function manifestPath(repository: RepositoryName, reference: string): string {
  return `/v2/${repository}/manifests/${reference}`
}

export function etagOf(digest: Digest): string {
  return `"${digest}"`
}

export function blobHeaders(digest: Digest, length: number): NonNullable<Reply['headers']> {
  return {
    // Always safe, whatever the bytes are: no browser renders it.
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    ETag: etagOf(digest),
  }
}

export function uploadHeaders(repository: RepositoryName, upload: Upload): NonNullable<Reply['headers']> {
  return {
    Location: `/v2/${repository}/blobs/uploads/${upload.id}`,
    Range: receivedRange(upload.size),
    'Docker-Upload-UUID': upload.id,
  }
}

/** `0-<last byte received>`, without a unit. Nothing received is `0-0` too: docker refuses an end before the start. */
export function receivedRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`
}

/** Without a charset: clients compare the whole value. */
export function jsonReply(value: unknown, headers: Reply['headers'] = {}): Reply {
  return { status: 200, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) }
}
