/**
 * The domain as its doors see it: named services and the values they exchange, nothing else. Every name that arrives
 * here is parsed (`names.ts`); every refusal is a `RegistryError`; every mutating call resolves only when its events
 * are on disk (core-rules 2). `actor` is the name of the authenticated identity, never a field of a request.
 */
import type { Readable } from 'node:stream'
import type { Algorithm, ByteRange, Content, Digest } from '../storage/index.ts'
import type { Access, Tokens } from './auth/contract.ts'
import type { EventFeed, LogReport, RegistryHealth, ReplayReport, ViewReport } from './log-contract.ts'
import type { Catalog, Manifests, Referrers, Tags } from './manifest-contract.ts'
import type { Reference, RelativePath, RepositoryName } from './names.ts'
import type { Retention } from './retention/contract.ts'
import type { Signatures } from './signatures.ts'

export type { CheckedSignature, PackageReferrer, Signatures } from './signatures.ts'

export interface Registry {
  readonly packages: Packages
  readonly files: Files
  readonly uploads: Uploads
  readonly blobs: Blobs
  readonly manifests: Manifests
  readonly tags: Tags
  readonly retention: Retention
  readonly referrers: Referrers
  readonly signatures: Signatures
  readonly catalog: Catalog
  readonly events: EventFeed
  readonly access: Access
  readonly tokens: Tokens
  health(): Promise<RegistryHealth>
  /** What about the database's set-up can lose what was acknowledged, in a sentence for the operator. */
  durabilityRisk(): Promise<string | undefined>
  /** Rebuilds every view from the log. */
  replay(onProgress?: (progress: Progress) => void): Promise<ReplayReport>
  verifyViews(onProgress?: (progress: Progress) => void): Promise<ViewReport>
  verifyLog(onProgress?: (progress: Progress) => void): Promise<LogReport>
  /** Work that is due: expired uploads, idle drafts, idempotency keys. Safe on any replica, beside traffic. */
  sweepUploads(): Promise<{ discarded: number }>
  /** An operator has looked at the clock: what is over may end. */
  confirmClock(): Promise<{ now: string }>
  dispose(): Promise<void>
}

export type * from './auth/contract.ts'
export type * from './log-contract.ts'
export type * from './manifest-contract.ts'
export type * from './retention/contract.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type Metadata = { readonly [key: string]: JsonValue }

export interface Progress {
  readonly done: number
  readonly total: number
}

/** A page of a list in key order. `next` is the opaque cursor of the following page, absent on the last. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}
export interface PageRequest {
  /** 1 to 1,000. */
  readonly limit: number
  readonly cursor?: string
}

/** Whether the one who asks may know of a repository. */
export type Visible = (repository: RepositoryName) => boolean

// --- packages and files -------------------------------------------------------------------------------------------

export const PACKAGE_STATUSES = ['created', 'finalized', 'deleted', 'erased'] as const
export type PackageStatus = (typeof PACKAGE_STATUSES)[number]

export interface Package {
  readonly id: string
  /** Which door it came through. */
  readonly origin: 'native' | 'oci'
  readonly status: PackageStatus
  readonly name: string
  readonly producer: string
  readonly subject: string
  readonly retentionClass: string
  /** ISO 8601; null: no expiry. */
  readonly expiresAt: string | null
  readonly metadata: Metadata
  readonly fileCount: number
  /** Bytes of all files together. */
  readonly totalSize: number
  /** Native: the canonical CBOR manifest's blake3 digest. OCI: the digest its pusher named. Null until finalized. */
  readonly manifestDigest: Digest | null
  readonly repository: RepositoryName
  /** How `/v2/` names it; null until finalized, and where the package is too large for an OCI manifest. */
  readonly oci: OciFace | null
  readonly createdAt: string
  readonly createdBy: string
  readonly finalizedAt: string | null
  readonly lastEventSequence: number
}

export interface OciFace {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
  /** The tags that point at it now, the package id among them for native packages. */
  readonly tags: readonly string[]
}

export interface File {
  readonly id: string
  readonly packageId: string
  readonly path: string
  readonly mediaType: string
  readonly size: number
  /** The address under which the manifest names the bytes; blake3 for native packages. */
  readonly digest: Digest
  /** Absent when the repository never received the bytes (a sparse OCI push). */
  readonly sha256?: Digest
  readonly blake3?: Digest
  /** POSIX permission bits, e.g. 0o644; absent when the producer said none. */
  readonly mode?: number
  readonly createdAt: string
}

export interface NewPackage {
  readonly name: string
  readonly producer: string
  readonly subject: string
  readonly retentionClass: string
  readonly metadata?: Metadata
  readonly actor: string
  /** The same key with the same request answers the package of the first call (kept for 24 hours). */
  readonly idempotencyKey?: string
}

export interface NewFile {
  readonly path: RelativePath
  readonly mediaType: string
  readonly mode?: number
  readonly actor: string
}

export interface PackageFilter {
  readonly producer?: string
  readonly subject?: string
  readonly name?: string
  readonly retentionClass?: string
  readonly status?: PackageStatus
  /** ISO 8601, inclusive. */
  readonly createdAfter?: string
  /** ISO 8601, exclusive. */
  readonly createdBefore?: string
  /** Top-level metadata keys; a value equals the JSON scalar's text. All must match. */
  readonly metadata?: Readonly<Record<string, string>>
  readonly repository?: RepositoryName
  /** With `repository`: what the tag or manifest digest names. */
  readonly reference?: Reference
}

export interface Finalized {
  readonly package: Package
  readonly manifestDigest: Digest
  /** Why there is no `/v2/` face; absent when there is one. */
  readonly ociAbsentReason?: string
}

export interface ManifestDocument {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Uint8Array
}

export interface Packages {
  /** Throws `field-invalid`, `metadata-invalid`, `retention-class-unknown`, `repository-taken`, `idempotency-key-reused`. */
  create(request: NewPackage): Promise<{ package: Package; created: boolean }>
  /** Throws `package-unknown`. */
  get(id: string): Promise<Package>
  /**
   * Newest first. Throws `cursor-unknown`. With `visible`, only packages of repositories that it allows; a page may then
   * have fewer entries than asked for and still be followed by another, because each looks at a bounded number.
   */
  list(filter: PackageFilter, page: PageRequest, visible?: Visible): Promise<Page<Package>>
  /** The repository of a package; undefined when there is no such package. */
  repositoryOf(id: string): Promise<RepositoryName | undefined>
  /** Stores `content` and adds it. Throws `package-unknown|finalized|full`, `path-taken`, `content-incomplete`. */
  addFile(id: string, file: NewFile, content: Content): Promise<File>
  /** Adds a file whose bytes the package's repository already holds under `digest`; undefined when it does not. */
  addKnownFile(id: string, file: NewFile, digest: Digest, size: number): Promise<File | undefined>
  /** Repeating it on a finalized package throws `package-finalized`. Throws `package-unknown|empty`. */
  finalize(id: string, options: { actor: string }): Promise<Finalized>
  /** The bytes of the manifest: canonical CBOR, or for an OCI push its own. Throws `package-not-finalized`. */
  manifest(id: string): Promise<ManifestDocument>
  /** The JCS projection (RFC 8785) of a native manifest; an OCI manifest as it is. */
  manifestJson(id: string): Promise<ManifestDocument>
  /** A draft is discarded, a finalized package leaves a tombstone. Throws `package-unknown`, `retained`, `tag-immutable`. */
  remove(id: string, request: { readonly reason: string; readonly actor: string }): Promise<void>
  /** The bytes that `/v2/` serves for the package. Throws `package-not-finalized`, `manifest-unknown` where there are none. */
  ociManifest(id: string): Promise<ManifestDocument>
}

export interface OpenedBlob {
  readonly digest: Digest
  /** The whole blob's size, also when a range was opened. */
  readonly size: number
  readonly mediaType: string
  readonly content: Readable
  /** The same, where all of it is in memory: small blobs are read and verified before the first byte is sent. */
  readonly bytes?: Uint8Array
}

export interface Files {
  /** The repository of a file's package; undefined when there is no such file. */
  repositoryOf(id: string): Promise<RepositoryName | undefined>
  /** Throws `file-unknown`. */
  get(id: string): Promise<File>
  /** In path order. Throws `package-unknown`. */
  list(packageId: string, page: PageRequest): Promise<Page<File>>
  /** Throws `file-unknown`, `blob-unknown`, `range-invalid`, `content-missing`, `content-damaged`. */
  open(id: string, range?: ByteRange): Promise<OpenedBlob>
}

// --- bytes ---------------------------------------------------------------------------------------------------------

/** An upload as one identity in one scope sees it; in any other it is unknown. */
export interface UploadKey {
  readonly id: string
  /** The repository on `/v2/`; absent for uploads of the native API. */
  readonly repository?: RepositoryName
  readonly actor: string
}

export interface Upload {
  readonly id: string
  /** Bytes received and on disk. */
  readonly size: number
  readonly expiresAt: string
}

export interface StoredBlobFacts {
  /** The digest as the caller named it, else blake3. */
  readonly digest: Digest
  readonly blake3: Digest
  readonly sha256: Digest
  readonly size: number
}

export interface Uploads {
  begin(request: { repository?: RepositoryName; actor: string; algorithm?: Algorithm }): Promise<Upload>
  /** Throws `upload-unknown`. */
  status(key: UploadKey): Promise<Upload>
  /**
   * Appends at `at`, or at the end where `at` is absent. Throws `upload-unknown`, `upload-busy`,
   * `upload-offset-mismatch` (nothing changed), `size-mismatch` (`length` given and not met), `content-incomplete`:
   * what arrived before the sender stopped stays and counts.
   */
  append(key: UploadKey, content: Content, options?: { at?: number; length?: number }): Promise<Upload>
  /** Appends the last bytes, verifies, and links the blob to the repository. Throws also `digest-mismatch`. */
  complete(
    key: UploadKey,
    digest: Digest,
    last?: { content: Content; at?: number; length?: number },
  ): Promise<StoredBlobFacts>
  /** The upload becomes a file of a package. Throws also what `Packages.addFile` throws. */
  completeAsFile(
    key: UploadKey,
    packageId: string,
    file: NewFile,
    expected?: { digest?: Digest; size?: number },
  ): Promise<File>
  /** Begin, append and complete in one. */
  receive(request: {
    repository: RepositoryName
    actor: string
    digest: Digest
    content: Content
    length?: number
  }): Promise<StoredBlobFacts>
  /** Throws `upload-unknown`. */
  cancel(key: UploadKey): Promise<void>
}

export interface Blobs {
  /** As the log has it, without a look at the bytes, which `open` takes. Throws `blob-unknown`. */
  size(repository: RepositoryName, digest: Digest): Promise<number>
  /** Throws `blob-unknown`, `content-missing`. Damaged blobs are `blob-unknown`, so that clients push them again. */
  stat(repository: RepositoryName, digest: Digest): Promise<{ digest: Digest; size: number }>
  /** Throws `blob-unknown`, `range-invalid`, `content-missing`, `content-damaged`. */
  open(repository: RepositoryName, digest: Digest, range?: ByteRange): Promise<OpenedBlob>
  /**
   * Links a blob of `from`, or of any repository that `mayRead` allows, to `repository`. False when there is none.
   */
  mount(request: {
    repository: RepositoryName
    digest: Digest
    from?: RepositoryName
    mayRead: (repository: RepositoryName) => boolean
    actor: string
  }): Promise<boolean>
  /** Unlinks it from this repository. Throws `blob-unknown`, `retained`. */
  remove(repository: RepositoryName, digest: Digest, options: { actor: string }): Promise<void>
}
