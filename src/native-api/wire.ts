/**
 * The native API on the wire: the JSON of every request and answer, and the plain data a client needs to speak it.
 * All that `cli/` and `web/` may import of this server, so it imports nothing itself. JSON is snake_case; instants are
 * ISO 8601 in UTC, sizes are bytes, digests are `algorithm:hex`. `schemas.ts` says the same as JSON Schema, and a test
 * holds the two together.
 */

/** Paths below the server's base URL. Parameters are percent-encoded here and nowhere else. */
export const paths = {
  banner: '/',
  health: '/health',
  docs: '/docs',
  openapi: '/openapi.json',
  metrics: '/metrics',
  packages: '/packages',
  package: (packageId: string) => `/packages/${encodeURIComponent(packageId)}`,
  packageFiles: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/files`,
  finalize: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/finalize`,
  manifest: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/manifest`,
  manifestJson: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/manifest.json`,
  ociManifest: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/oci-manifest`,
  referrers: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/referrers`,
  packageTag: (packageId: string, tag: string) =>
    `/packages/${encodeURIComponent(packageId)}/tags/${encodeURIComponent(tag)}`,
  retention: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/retention`,
  retentionHistory: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/retention/history`,
  retentionExtensions: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/retention/extensions`,
  packageClass: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/retention/class`,
  holds: (packageId: string) => `/packages/${encodeURIComponent(packageId)}/retention/holds`,
  holdRelease: (packageId: string, holdId: string) =>
    `/packages/${encodeURIComponent(packageId)}/retention/holds/${encodeURIComponent(holdId)}/release`,
  allHolds: '/holds',
  retentionClasses: '/retention-classes',
  retentionSweeps: '/retention/sweeps',
  clockConfirmation: '/clock/confirmation',
  file: (fileId: string) => `/files/${encodeURIComponent(fileId)}`,
  fileDownload: (fileId: string) => `/files/${encodeURIComponent(fileId)}/download`,
  uploads: '/uploads',
  upload: (uploadId: string) => `/uploads/${encodeURIComponent(uploadId)}`,
  completeUpload: (uploadId: string) => `/uploads/${encodeURIComponent(uploadId)}/complete`,
  events: '/events',
  tokens: '/tokens',
  token: (tokenId: string) => `/tokens/${encodeURIComponent(tokenId)}`,
  tokenKeys: '/token-keys',
  accessExplanation: '/access/explanation',
} as const

export const MEDIA_TYPES = {
  json: 'application/json',
  problem: 'application/problem+json',
  cbor: 'application/cbor',
  bytes: 'application/octet-stream',
  form: 'multipart/form-data',
  /** The canonical CBOR manifest of a native package. */
  manifest: 'application/vnd.artifactstore.package.manifest.v1+cbor',
} as const

export const HEADERS = {
  /** On `POST /packages`: the same key with the same body answers the package of the first call, for 24 hours. */
  idempotencyKey: 'Idempotency-Key',
  /** `true` on the 200 that answers a repeated `POST /packages`. */
  idempotencyReplayed: 'Idempotency-Replayed',
  /** On every answer; the same text stands in the server's log. */
  requestId: 'X-Request-Id',
} as const

export const LIMITS = {
  /** Bytes of a JSON request body. */
  jsonBody: 1_048_576,
  pageDefault: 100,
  pageMaximum: 1_000,
  /** Seconds that `GET /events` waits at most. */
  waitMaximum: 60,
  /** Characters of an Idempotency-Key. */
  idempotencyKey: 255,
} as const

const PROBLEM_TYPE_PREFIX = 'urn:artifactstore:problem:'

/** The stable `type` of a problem document: a name, not an address. `docs/errors.md` explains each code. */
export function problemType(code: string): string {
  return `${PROBLEM_TYPE_PREFIX}${code}`
}

/** The code in a problem's `type`; undefined for a type that is not ours (a proxy's, say). */
export function problemCode(type: string): string | undefined {
  return type.startsWith(PROBLEM_TYPE_PREFIX) ? type.slice(PROBLEM_TYPE_PREFIX.length) : undefined
}

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

// --- the service itself ---------------------------------------------------------------------------------------------

export interface BannerJson {
  readonly name: 'artifact-store'
  readonly version: string
  /** Where things are, by name: `health`, `docs`, `openapi`, `packages`, `uploads`, `events`, `oci`. */
  readonly links: { readonly [name: string]: string }
}

/** Answered with 200 when `ok` and 503 when `degraded`. Names no path and no repository. */
export interface HealthJson {
  readonly status: 'ok' | 'degraded'
  readonly version: string
  readonly db: { readonly healthy: boolean; readonly detail: string }
  readonly backend: {
    readonly backend_id: string
    readonly healthy: boolean
    readonly detail: string
    readonly free_bytes: number | null
    readonly total_bytes: number | null
  }
  /** Places whose bytes failed verification. */
  readonly failed_locations: number
}

/** RFC 9457, `application/problem+json`. */
export interface ProblemJson {
  /** `urn:artifactstore:problem:<code>`; stable. */
  readonly type: string
  readonly title: string
  readonly status: number
  /** What was wrong, where, and what would be right. */
  readonly detail: string
  /** The path that was asked for. */
  readonly instance?: string
  readonly request_id: string
  /** The input at fault, by its name in the API. */
  readonly field?: string
  /** Further facts, by code: `known` values, the upload's `size`, ... */
  readonly context?: { readonly [name: string]: JsonValue }
}

// --- packages -------------------------------------------------------------------------------------------------------

export type PackageStatus = 'created' | 'finalized' | 'deleted' | 'erased'

/** How `/v2/` names a package. */
export interface OciFaceJson {
  readonly repository: string
  readonly digest: string
  readonly media_type: string
  readonly size: number
  readonly tags: readonly string[]
  /** `host/repository:tag` (or `@digest` where there is no tag), ready for `oras pull`. */
  readonly reference: string
}

export interface PackageJson {
  readonly id: string
  readonly origin: 'native' | 'oci'
  readonly status: PackageStatus
  readonly name: string
  readonly producer: string
  readonly subject: string
  readonly retention_class: string
  /** Null: no expiry. */
  readonly expires_at: string | null
  readonly metadata: { readonly [key: string]: JsonValue }
  readonly file_count: number
  readonly total_size: number
  /** Null until finalized. */
  readonly manifest_digest: string | null
  readonly repository: string
  /** Null until finalized, and where `oci_absent_reason` says why. */
  readonly oci: OciFaceJson | null
  readonly oci_absent_reason?: string
  readonly created_at: string
  readonly created_by: string
  readonly finalized_at: string | null
  readonly last_event_sequence: number
}

/** `POST /packages`. Answers a `PackageJson`: 201, or 200 with `Idempotency-Replayed: true`. */
export interface NewPackageJson {
  readonly name: string
  readonly producer: string
  readonly subject: string
  readonly retention_class: string
  readonly metadata?: { readonly [key: string]: JsonValue }
}

export interface PackagePageJson {
  readonly packages: readonly PackageJson[]
  readonly next_cursor: string | null
}

/** The query of `GET /packages`; metadata filters are `metadata.<key>=<value>` beside these. */
export interface PackageQuery {
  readonly producer?: string
  readonly subject?: string
  readonly name?: string
  readonly retention_class?: string
  readonly status?: PackageStatus
  /** Inclusive. */
  readonly created_after?: string
  /** Exclusive. */
  readonly created_before?: string
  readonly repository?: string
  /** With `repository`; not together with `digest`. */
  readonly tag?: string
  /** With `repository`; not together with `tag`. */
  readonly digest?: string
  readonly limit?: number
  readonly cursor?: string
}

/** `POST /packages/{id}/finalize`. */
export interface FinalizedJson {
  readonly package_id: string
  readonly manifest_digest: string
  readonly package: PackageJson
  readonly oci: OciFaceJson | null
  readonly oci_absent_reason?: string
}

export type * from './retention-wire.ts'
// --- what refers to a package --------------------------------------------------------------------------------------

/** One signature (or signed attestation), checked with the keys of the server. */
export interface CheckedSignatureJson {
  readonly verdict: 'valid' | 'invalid' | 'unknown-key'
  readonly kind: 'signature' | 'attestation'
  readonly format: 'sigstore-bundle' | 'cosign-simple-signing' | 'dsse-envelope'
  /** Digest of the layer that holds it. */
  readonly layer: string
  /** Whose it is, by the name of a configured key; of an invalid one: whose it claims to be. */
  readonly key?: string
  /** Signed where the verdict is `valid`, else claimed. */
  readonly predicate_type?: string
  /** Why it is not valid. */
  readonly reason?: string
}

export interface ReferrerJson {
  readonly kind: 'signature' | 'attestation' | 'sbom' | 'referrer'
  /** It is a package itself: its manifest and files are read like any other's. */
  readonly package_id: string
  readonly digest: string
  readonly media_type: string
  readonly artifact_type: string | null
  readonly size: number
  readonly annotations: { readonly [name: string]: string }
  /** The tag by which cosign 2 ties it to the package; null where it names the package as its subject. */
  readonly tag: string | null
  readonly signatures: readonly CheckedSignatureJson[]
  /** Why signatures in it were not checked. */
  readonly unchecked_reason?: string
}

/** `GET /packages/{id}/referrers`. A page may be shorter than asked for and still have a next one. */
export interface ReferrerPageJson {
  readonly referrers: readonly ReferrerJson[]
  readonly next_cursor: string | null
}

// --- files ----------------------------------------------------------------------------------------------------------

export interface FileJson {
  readonly id: string
  readonly package_id: string
  readonly relative_path: string
  readonly media_type: string
  readonly size: number
  /** The address under which the manifest names the bytes, and the strong ETag of the download. */
  readonly digest: string
  readonly blake3?: string
  readonly sha256?: string
  /** Permission bits as octal text, `0644`; absent when the producer said none. */
  readonly mode?: string
  readonly created_at: string
}

export interface FilePageJson {
  readonly files: readonly FileJson[]
  readonly next_cursor: string | null
}

/** The text fields of `POST /packages/{id}/files`, which come before the one file part. */
export interface NewFileFields {
  /** Absent: the file part's filename. */
  readonly relative_path?: string
  /** Absent: the file part's Content-Type, which is text/plain where it has none (RFC 7578). */
  readonly media_type?: string
  readonly mode?: string
}
/** The name of the file part of `POST /packages/{id}/files`. */
export const FILE_PART = 'file'

// --- uploads --------------------------------------------------------------------------------------------------------

export interface UploadJson {
  readonly id: string
  /** Bytes received and on disk: where the next PATCH starts. */
  readonly size: number
  readonly expires_at: string
  /** The upload's own path. */
  readonly location: string
}

/**
 * `POST /uploads`. With `digest`, `size`, `package_id` and `relative_path` it answers 201 and a `FileJson` when the
 * package's repository already holds these bytes; else 202 and an `UploadJson`.
 */
export interface NewUploadJson {
  readonly digest?: string
  readonly size?: number
  readonly package_id?: string
  readonly relative_path?: string
  readonly media_type?: string
  readonly mode?: string
}

/** `POST /uploads/{id}/complete`. Answers 201 and a `FileJson`. */
export interface CompleteUploadJson {
  readonly package_id: string
  readonly relative_path: string
  readonly media_type?: string
  readonly mode?: string
  /** Refused when the bytes hash to something else. */
  readonly digest?: string
  /** Refused when the upload holds another number of bytes. */
  readonly size?: number
}

// --- access ----------------------------------------------------------------------------------------------------------

/** `POST /tokens`. Answers 201 and an `IssuedTokenJson`. */
export interface NewTokenJson {
  /** `repository:<name or pattern>:<action,action>` each. */
  readonly scopes: readonly string[]
  /** What it is for. */
  readonly note: string
  /** Absent: until it is revoked. */
  readonly expires_in_seconds?: number
}

export interface TokenJson {
  readonly id: string
  readonly scopes: readonly string[]
  readonly note: string
  readonly expires_at: string | null
  readonly created_at: string
  readonly created_by: string
  readonly revoked_at: string | null
  /** To the minute. */
  readonly last_used_at: string | null
}

export interface IssuedTokenJson extends TokenJson {
  /** The token itself, shown this once. */
  readonly secret: string
}

export interface TokenPageJson {
  readonly tokens: readonly TokenJson[]
  readonly next_cursor: string | null
}

/** `GET /access/explanation?identity=&action=&repository=`. */
export interface ExplanationJson {
  readonly identity: string
  /** Whether there is such an identity here. */
  readonly known: boolean
  readonly action: string
  readonly repository: string
  readonly allowed: boolean
  /** The rule, scope or circumstance that decided; absent where nothing allows it. */
  readonly by?: string
}

// --- events ---------------------------------------------------------------------------------------------------------

export interface EventJson {
  readonly sequence: number
  readonly created_at: string
  readonly event_type: string
  readonly subject_kind: string
  readonly subject_id: string
  readonly actor: string
  /** Byte strings as base64; null when erased. In CBOR answers: the canonical payload bytes themselves. */
  readonly payload: JsonValue
  readonly payload_digest: string
}

export interface EventPageJson {
  readonly events: readonly EventJson[]
  /** Always present: what to pass as `after` next, also after an empty page. */
  readonly next_cursor: string
}

/** The query of `GET /events`; `type` may be repeated. */
export interface EventQuery {
  /** A `next_cursor`; absent: from the beginning. */
  readonly after?: string
  readonly limit?: number
  /** Seconds to wait for the first event. */
  readonly wait?: number
  readonly type?: string
}
