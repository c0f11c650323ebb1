/**
 * The OCI image manifest of a native package, as a pure function of its canonical manifest: the canonical manifest is
 * its config, each file is a layer. One signature over the OCI digest therefore covers everything (ADR 0003).
 */
import type { Digest } from '../../storage/index.ts'
import {
  ANNOTATION,
  DEFAULT_FILE_MEDIA_TYPE,
  isManifestMediaType,
  NATIVE_MANIFEST_MEDIA_TYPE,
  OCI_CREATED,
  OCI_MANIFEST,
  OCI_MANIFEST_LIMIT_BYTES,
  OCI_TITLE,
  PACKAGE_ARTIFACT_TYPE,
} from './media-types.ts'
import { inCanonicalOrder, type NativeManifest, type NativeManifestFile } from './native-manifest.ts'

/** Where the canonical CBOR bytes of the manifest are. */
export interface ManifestBlob {
  readonly blake3: Digest
  readonly sha256: Digest
  readonly size: number
}

export type OciMapping =
  | { readonly mediaType: typeof OCI_MANIFEST; readonly bytes: Uint8Array }
  | { readonly bytes: undefined; readonly absentReason: string }

/** The shortest layer there can be: nothing with more files than this many times the limit needs to be written out. */
const SHORTEST_LAYER_BYTES = 160

/**
 * Deterministic JSON: the same manifest, in whatever order its files come, gives the same bytes on every machine. Where they would pass 4 MiB, the layers
 * are written without what the config says too (blake3 and mode); where they still would, there is no OCI manifest and
 * `absentReason` says so.
 */
export function toOciManifest(native: NativeManifest, config: ManifestBlob): OciMapping {
  const manifest = inCanonicalOrder(native)
  if (manifest.files.length * SHORTEST_LAYER_BYTES <= OCI_MANIFEST_LIMIT_BYTES) {
    for (const describe of [fullAnnotations, titleOnly]) {
      const text = JSON.stringify(ociManifest(manifest, config, describe))
      const bytes = new TextEncoder().encode(text)
      if (bytes.length <= OCI_MANIFEST_LIMIT_BYTES) return { mediaType: OCI_MANIFEST, bytes }
    }
  }
  return {
    bytes: undefined,
    absentReason: `an OCI manifest of ${manifest.files.length} files would take more than ${OCI_MANIFEST_LIMIT_BYTES} bytes, which OCI clients refuse to read; the package is complete in the native API`,
  }
}

// Key order is part of the bytes, and with them of every digest and signature: never reorder.
function ociManifest(
  manifest: NativeManifest,
  config: ManifestBlob,
  describe: (file: NativeManifestFile) => object,
): object {
  const { package: facts, provenance } = manifest
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: PACKAGE_ARTIFACT_TYPE,
    config: { mediaType: NATIVE_MANIFEST_MEDIA_TYPE, digest: config.sha256, size: config.size },
    layers: manifest.files.map((file) => ({
      mediaType: layerMediaType(file.media_type),
      digest: file.sha256,
      size: file.size,
      annotations: describe(file),
    })),
    annotations: {
      [OCI_CREATED]: provenance.finalized_at,
      [ANNOTATION.manifestDigest]: config.blake3,
      [ANNOTATION.name]: facts.name,
      [ANNOTATION.packageId]: facts.id,
      [ANNOTATION.producer]: facts.producer,
      [ANNOTATION.retentionClass]: facts.retention_class,
      [ANNOTATION.subject]: facts.subject,
    },
  }
}

function fullAnnotations(file: NativeManifestFile): object {
  const annotations = { ...titleOnly(file), [ANNOTATION.blake3]: file.blake3 }
  return file.mode === undefined ? annotations : { ...annotations, [ANNOTATION.mode]: modeText(file.mode) }
}

function titleOnly(file: NativeManifestFile): object {
  return { [OCI_TITLE]: file.relative_path }
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/**
 * The type that the producer named, except where it would change what the layer is: oras (oras-go 2.6.2) fetches any
 * descriptor with a manifest type from `/manifests/` and walks into it, so a file that happens to be a manifest could not
 * be pulled. The config keeps the type that was named.
 */
function layerMediaType(mediaType: string): string {
  const type = mediaType.split(';', 1)[0]!.trim()
  return isManifestMediaType(type) ? DEFAULT_FILE_MEDIA_TYPE : type
}
