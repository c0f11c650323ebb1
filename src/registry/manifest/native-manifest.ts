/**
 * The canonical manifest of a package: what was stored, by whom, where, and for how long. Its canonical CBOR bytes are
 * hashed (the package's content address) and signed; the JCS text (RFC 8785) is the same value for people and tools.
 * Shape: `schemas/manifest.cddl`; published bytes: `schemas/vectors/`.
 */
import canonicalize from 'canonicalize'
import type { Digest } from '../../storage/index.ts'
import { RegistryError } from '../errors.ts'
import type { RelativePath, RepositoryName } from '../names.ts'
import type { Metadata } from '../registry.ts'
import { compareUtf8, decodeCanonical, encodeCanonical } from './canonical-cbor.ts'
import { requireManifest } from './native-manifest-shape.ts'

export const MANIFEST_VERSION = 1

/** Times are ISO 8601 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`. */
export interface NativeManifest {
  readonly manifest_version: typeof MANIFEST_VERSION
  readonly package: NativeManifestPackage
  /** In the byte order of `relative_path`; at least one. */
  readonly files: readonly NativeManifestFile[]
  /** One for each distinct blob and backend, ordered by `blake3`, then `backend_id`. */
  readonly storage_receipts: readonly StorageReceipt[]
  readonly retention_summary: RetentionSummary
  readonly provenance: Provenance
}

export interface NativeManifestPackage {
  readonly id: string
  readonly name: string
  readonly producer: string
  readonly subject: string
  /** Where `/v2/` shows the package. */
  readonly repository: RepositoryName
  readonly retention_class: string
  readonly metadata: Metadata
  readonly created_at: string
}

export interface NativeManifestFile {
  readonly relative_path: RelativePath
  readonly media_type: string
  readonly size: number
  readonly blake3: Digest
  readonly sha256: Digest
  /** POSIX permission bits, 0 to 0o7777; absent when the producer said none. */
  readonly mode?: number
}

/**
 * Which backend held the bytes when the package was finalized. A location is the pair (blob, backend), so the pair is
 * its name and nothing else is repeated: with 100,000 files every field here costs megabytes.
 */
export interface StorageReceipt {
  readonly blake3: Digest
  readonly backend_id: string
}

/** As it was at finalize; later extensions and holds are events, not manifest. */
export interface RetentionSummary {
  readonly retention_class: string
  /** Null: no expiry. */
  readonly expires_at: string | null
  /** Null: the class has none. */
  readonly default_duration_seconds: number | null
}

export interface Provenance {
  /** Names of authenticated identities. */
  readonly created_by: string
  readonly finalized_by: string
  readonly finalized_at: string
  /** The software that wrote the manifest, as `name/version`. */
  readonly generator: string
}

/** The same manifest with `files` and `storage_receipts` in canonical order; equal receipts become one. */
export function inCanonicalOrder(manifest: NativeManifest): NativeManifest {
  const receipts = [...manifest.storage_receipts].sort(
    (a, b) => compareUtf8(a.blake3, b.blake3) || compareUtf8(a.backend_id, b.backend_id),
  )
  return {
    ...manifest,
    files: [...manifest.files].sort((a, b) => compareUtf8(a.relative_path, b.relative_path)),
    storage_receipts: receipts.filter(
      (receipt, i) => receipt.blake3 !== receipts[i - 1]?.blake3 || receipt.backend_id !== receipts[i - 1]?.backend_id,
    ),
  }
}

/**
 * The canonical bytes. Files and receipts may come in any order. Throws `manifest-invalid`, with the JSON pointer of the
 * field at fault in `detail.field`.
 */
export function encodeManifest(manifest: NativeManifest): Uint8Array {
  return encodeCanonical(requireManifest(inCanonicalOrder(manifest)))
}

/** Throws `manifest-invalid` for bytes that `encodeManifest` cannot have written. */
export function decodeManifest(bytes: Uint8Array): NativeManifest {
  return requireManifest(decodeCanonical(bytes))
}

/** The JCS text (RFC 8785) of a manifest or of its canonical bytes. Throws `manifest-invalid`. */
export function manifestToJcs(manifest: NativeManifest | Uint8Array): string {
  const value = manifest instanceof Uint8Array ? decodeManifest(manifest) : requireManifest(inCanonicalOrder(manifest))
  return toJcs(value)
}

/** The way back: `encodeManifest(manifestFromJcs(text))` are the bytes it came from. Throws `manifest-invalid`. */
export function manifestFromJcs(text: string): NativeManifest {
  const value = requireManifest(parse(text))
  // One text for each value: this also refuses duplicate keys and numbers that JSON.parse rounded.
  if (toJcs(value) !== text) {
    throw new RegistryError('manifest-invalid', 'the text is JSON but not its canonical form (RFC 8785)', { field: '' })
  }
  return value
}

function toJcs(manifest: NativeManifest): string {
  return canonicalize(manifest) as string
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RegistryError('manifest-invalid', 'the text is not JSON', { field: '' }, { cause })
  }
}
