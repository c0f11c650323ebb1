/** The domain's values as this API's JSON. */
import type { ApiRequest } from '../http/index.ts'
import type { File, OciFace, Package, PackageReferrer, Upload } from '../registry/index.ts'
import { type FileJson, type OciFaceJson, type PackageJson, paths, type ReferrerJson, type UploadJson } from './wire.ts'

const TOO_LARGE_FOR_OCI =
  'The package has more files than an OCI manifest of 4 MiB can list: it has no /v2/ face and is used through this API'

/** The host that `oras pull` should be told. */
export function hostOf(request: ApiRequest): string {
  return new URL(request.origin).host
}

export function packageJson(value: Package, host: string): PackageJson {
  const lacksFace = value.oci === null && value.status === 'finalized'
  return {
    id: value.id,
    origin: value.origin,
    status: value.status,
    name: value.name,
    producer: value.producer,
    subject: value.subject,
    retention_class: value.retentionClass,
    expires_at: value.expiresAt,
    metadata: value.metadata,
    file_count: value.fileCount,
    total_size: value.totalSize,
    manifest_digest: value.manifestDigest,
    repository: value.repository,
    oci: value.oci === null ? null : ociFaceJson(value.oci, value.id, host),
    ...(lacksFace ? { oci_absent_reason: TOO_LARGE_FOR_OCI } : {}),
    created_at: value.createdAt,
    created_by: value.createdBy,
    finalized_at: value.finalizedAt,
    last_event_sequence: value.lastEventSequence,
  }
}

function ociFaceJson(face: OciFace, packageId: string, host: string): OciFaceJson {
  // The package's own id is the one tag that can never be moved.
  const tag = face.tags.includes(packageId) ? packageId : face.tags[0]
  return {
    repository: face.repository,
    digest: face.digest,
    media_type: face.mediaType,
    size: face.size,
    tags: face.tags,
    reference: `${host}/${face.repository}${tag === undefined ? `@${face.digest}` : `:${tag}`}`,
  }
}

export function fileJson(file: File): FileJson {
  return {
    id: file.id,
    package_id: file.packageId,
    relative_path: file.path,
    media_type: file.mediaType,
    size: file.size,
    digest: file.digest,
    ...(file.blake3 === undefined ? {} : { blake3: file.blake3 }),
    ...(file.sha256 === undefined ? {} : { sha256: file.sha256 }),
    ...(file.mode === undefined ? {} : { mode: file.mode.toString(8).padStart(4, '0') }),
    created_at: file.createdAt,
  }
}

export function uploadJson(upload: Upload): UploadJson {
  return { id: upload.id, size: upload.size, expires_at: upload.expiresAt, location: paths.upload(upload.id) }
}

export function referrerJson(referrer: PackageReferrer): ReferrerJson {
  return {
    kind: referrer.kind,
    package_id: referrer.packageId,
    digest: referrer.digest,
    media_type: referrer.mediaType,
    artifact_type: referrer.artifactType ?? null,
    size: referrer.size,
    annotations: referrer.annotations ?? {},
    tag: referrer.tag ?? null,
    signatures: referrer.signatures.map(({ predicateType, ...signature }) => ({
      ...signature,
      ...(predicateType === undefined ? {} : { predicate_type: predicateType }),
    })),
    ...(referrer.uncheckedReason === undefined ? {} : { unchecked_reason: referrer.uncheckedReason }),
  }
}
