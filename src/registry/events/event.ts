/**
 * Facts of the log: versioned slugs in the past tense with plain payloads. A type never changes its meaning; a new
 * shape is a new type. `docs/event-log.md` describes each for those who follow the feed.
 */

/** 16 random bytes in every payload that may hold personal data: a small payload could be guessed from its digest. */
export type Salt = Uint8Array

export interface EventPayloads {
  'v1.repository.created': { name: string; producer: string; package_name: string; salt: Salt }
  'v1.package.created': {
    repository_id: string
    name: string
    producer: string
    subject: string
    retention_class: string
    metadata: unknown
    salt: Salt
  }
  'v1.retention.default_applied': {
    retention_class: string
    duration_seconds: number | null
    expires_at: string | null
  }
  /** A later end, for a reason. */
  'v1.retention.extended': { expires_at: string; reason: string; salt: Salt }
  /** Another class that keeps at least as long. */
  'v1.retention.class_raised': {
    retention_class: string
    duration_seconds: number | null
    expires_at: string | null
    reason: string
    salt: Salt
  }
  /** Until it is released the package is not deleted, whatever its class says. */
  'v1.retention.hold_applied': { hold_id: string; reason: string; case_reference: string | null; salt: Salt }
  'v1.retention.hold_released': { hold_id: string; reason: string; salt: Salt }
  /** Its class keeps it no longer, which alone deletes nothing. `expires_at`: when that was. */
  'v1.retention.deletion_eligible': { expires_at: string }
  'v1.file.ingested': {
    file_id: string
    repository_id: string
    relative_path: string
    media_type: string
    mode: number | null
    size: number
    blake3: string
    sha256: string
    salt: Salt
  }
  /** The payload is the canonical manifest itself, so that the manifest digest is the payload digest. */
  'v1.package.finalized': { manifest_version: number; package: { id: string }; [field: string]: unknown }
  'v1.blob.stored': {
    blake3: string
    sha256: string
    size: number
    backend_id: string
    location_id: string
  }
  /** The same bytes under one more algorithm. */
  'v1.blob.alias_added': { alias: string }
  'v1.blob.linked': { blake3: string }
  'v1.blob.unlinked': { blake3: string }
  'v1.storage.location_verified': {
    blake3: string
    backend_id: string
    verified: boolean
    /** Why not; null when verified. */
    mismatch: 'missing' | 'size' | 'digest' | null
  }
  'v1.manifest.put': {
    repository_id: string
    repository: string
    digest: string
    media_type: string
    bytes: Uint8Array
    generation: number
    /** Whether it is the `/v2/` face of a native package, which has its own record of creation. */
    native: boolean
    retention_class: string
    salt: Salt
  }
  /** A tombstone stays; `v1.manifest.deleted` follows where it has a manifest on `/v2/`. */
  'v1.package.deleted': { reason: string; salt: Salt }
  /** A draft was given up. */
  'v1.package.discarded': { reason: string; salt: Salt }
  'v1.manifest.deleted': { repository_id: string; digest: string }
  'v1.manifest.restored': { repository_id: string; digest: string }
  'v1.tag.set': { tag: string; package_id: string; digest: string; salt: Salt }
  'v1.tag.deleted': { tag: string; salt: Salt }
  /** `hash`: SHA-256 of the secret, in hex. `expires_at` null: it lasts until it is revoked. */
  'v1.token.issued': { hash: string; scopes: string[]; note: string; expires_at: string | null; salt: Salt }
  'v1.token.revoked': { reason: string | null; salt: Salt }
  /** Access tokens are signed with another key from here on; those of the key before stay valid. */
  'v1.token_key.rotated': { retired: string }
  'v1.ref.put': { ref: string; data: string; manifest: string; data_size: number; manifest_size: number; salt: Salt }
  /** Its own payload stays: it is the record that something was erased, and on which ground. */
  'v1.package.erased': { legal_basis: string; events: number }
}

export const EVENT_TYPES = [
  'v1.repository.created',
  'v1.package.created',
  'v1.retention.default_applied',
  'v1.retention.extended',
  'v1.retention.class_raised',
  'v1.retention.hold_applied',
  'v1.retention.hold_released',
  'v1.retention.deletion_eligible',
  'v1.file.ingested',
  'v1.package.finalized',
  'v1.blob.stored',
  'v1.blob.alias_added',
  'v1.blob.linked',
  'v1.blob.unlinked',
  'v1.storage.location_verified',
  'v1.manifest.put',
  'v1.package.deleted',
  'v1.package.discarded',
  'v1.manifest.deleted',
  'v1.manifest.restored',
  'v1.tag.set',
  'v1.tag.deleted',
  'v1.token.issued',
  'v1.token.revoked',
  'v1.token_key.rotated',
  'v1.ref.put',
  'v1.package.erased',
] as const satisfies readonly (keyof EventPayloads)[]
export type EventType = (typeof EVENT_TYPES)[number]

/** What an event is about: ids of packages, repositories, refs, tokens and token keys, blob digests. */
export type SubjectKind = 'repository' | 'package' | 'blob' | 'ref' | 'token' | 'token-key'

/** An event that `decide` wants recorded. */
export type NewEvent = {
  [T in EventType]: {
    readonly type: T
    readonly subjectKind: SubjectKind
    readonly subjectId: string
    readonly payload: EventPayloads[T]
    /** The payload encoded already, where its bytes are known (`v1.package.finalized`). */
    readonly encoded?: Uint8Array
  }
}[EventType]

interface Recorded {
  readonly sequence: number
  /** ISO 8601 with milliseconds, UTC. */
  readonly createdAt: string
  /** The identity's opaque id. */
  readonly actor: string
  /** BLAKE3 of the payload's bytes: 32 bytes. */
  readonly payloadDigest: Uint8Array
}

/** An event as views fold it. An erased one has no payload and leaves a stub. */
export type RecordedEvent = {
  [T in EventType]: Recorded & {
    readonly type: T
    readonly subjectKind: SubjectKind
    readonly subjectId: string
    readonly payload: EventPayloads[T] | null
  }
}[EventType]

export function isEventType(text: string): text is EventType {
  return (EVENT_TYPES as readonly string[]).includes(text)
}
