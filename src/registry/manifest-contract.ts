/** Manifests, tags, referrers and the catalog, as the doors see them. */
import type { Digest } from '../storage/index.ts'
import type { Reference, RepositoryName, Tag } from './names.ts'
import type { Package } from './registry.ts'

export interface Manifest {
  readonly packageId: string
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
  /** Exactly as pushed. */
  readonly bytes: Uint8Array
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Manifests {
  /**
   * Throws `manifest-invalid`, `manifest-too-large`, `manifest-blob-unknown`, `digest-mismatch`, `tag-reserved`,
   * `tag-immutable`, `retention-class-unknown`. `mediaType` absent: sniffed from the body.
   */
  put(request: {
    repository: RepositoryName
    reference: Reference
    /** Further tags of a put by digest (`?tag=`). */
    tags?: readonly Tag[]
    mediaType?: string
    bytes: Uint8Array
    actor: string
    /** False: only what is live in the repository already may be put, to be tagged; else `denied`. */
    mayStore?: boolean
  }): Promise<{
    digest: Digest
    packageId: string
    subject?: string
    tags: readonly Tag[]
    /** Blobs and manifests that it names and the repository does not have. */
    missing: number
  }>
  /** Throws `manifest-unknown`, `repository-unknown`. */
  get(repository: RepositoryName, reference: Reference): Promise<Manifest>
  /** With all tags on it. Throws `manifest-unknown`, `retained`, `tag-immutable`. */
  remove(repository: RepositoryName, digest: Digest, options: { actor: string }): Promise<void>
}

export interface Tags {
  /** Byte order, after `last`. Throws `repository-unknown`. `limit` absent: all. */
  list(
    repository: RepositoryName,
    page: { limit?: number; last?: string },
  ): Promise<{ tags: readonly string[]; more: boolean }>
  /** Throws `package-unknown`, `package-not-finalized`, `tag-reserved`, `tag-immutable`. */
  set(packageId: string, tag: Tag, options: { actor: string }): Promise<Package>
  /**
   * The manifest stays. With `packageId`, only where the tag points at that package. Throws `tag-unknown`,
   * `repository-unknown`, `tag-reserved`, `tag-immutable`.
   */
  remove(repository: RepositoryName, tag: Tag, options: { actor: string; packageId?: string }): Promise<void>
}

export interface ReferrerPageRequest {
  /** Absent or empty: of every type. */
  readonly artifactTypes?: readonly string[]
  readonly limit: number
  /** Digest after which the page begins. */
  readonly after?: string
}

/** A page of referrers as an OCI index. */
export interface ReferrerIndex {
  /** Shared with whoever asks for the same page: not to be changed. */
  readonly bytes: Uint8Array
  /** What the following page begins after, absent on the last. */
  readonly next?: string
}

export interface Referrers {
  /** Empty for a subject or repository that nothing refers to. */
  list(
    repository: RepositoryName,
    subject: Digest,
    page: ReferrerPageRequest,
  ): Promise<{ referrers: readonly Descriptor[]; next?: string }>
  /** The same list as bytes. Where a page of `limit` would have more than `indexBytes`, it is shorter; one referrer fits always. */
  index(
    repository: RepositoryName,
    subject: Digest,
    page: ReferrerPageRequest & { readonly indexBytes: number },
  ): Promise<ReferrerIndex>
}

export interface Catalog {
  /**
   * Repositories that hold something and match one of the patterns (absent: all), in byte order, after `last`. The
   * repositories looked at are bounded, so there may be fewer than `limit` and more to come; `next` is what to go on after.
   */
  list(page: {
    limit: number
    last?: string
    patterns?: readonly string[]
  }): Promise<{ repositories: readonly string[]; next?: string }>
}
