/** The media types and annotation names that manifests are made of; image-spec v1.1.1, Docker Registry v2. */

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
/** image-spec 1.1.0-rc1 and rc2; still in the Accept header of oras. */
export const OCI_ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json'
export const ORAS_ARTIFACT_MANIFEST = 'application/vnd.cncf.oras.artifact.manifest.v1+json'

/** Docker schema 1, refused: its digest does not cover its bytes. */
export const DOCKER_SCHEMA_1 = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
] as const

/** What can be put on `/v2/`, and how each is read. */
export const MANIFEST_KINDS = {
  [OCI_MANIFEST]: 'image',
  [OCI_INDEX]: 'index',
  [DOCKER_MANIFEST]: 'image',
  [DOCKER_LIST]: 'index',
  [OCI_ARTIFACT_MANIFEST]: 'artifact',
  [ORAS_ARTIFACT_MANIFEST]: 'artifact',
} as const
export type ManifestMediaType = keyof typeof MANIFEST_KINDS
export type ManifestKind = (typeof MANIFEST_KINDS)[ManifestMediaType]

export function isManifestMediaType(text: string): text is ManifestMediaType {
  return Object.hasOwn(MANIFEST_KINDS, text)
}

/** image-spec manifest.md, "Guidance for an Empty Descriptor": the two bytes `{}`. */
export const EMPTY_DESCRIPTOR = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
  data: 'e30=',
} as const

export const PACKAGE_ARTIFACT_TYPE = 'application/vnd.artifactstore.package.v1'
export const NATIVE_MANIFEST_MEDIA_TYPE = 'application/vnd.artifactstore.package.manifest.v1+cbor'
export const DEFAULT_FILE_MEDIA_TYPE = 'application/octet-stream'

/** Annotations of image-spec annotations.md. */
export const OCI_TITLE = 'org.opencontainers.image.title'
export const OCI_CREATED = 'org.opencontainers.image.created'
export const OCI_SOURCE = 'org.opencontainers.image.source'

/** Our own annotations, on manifests and (blake3, mode) on layers. */
export const ANNOTATION = {
  producer: 'vnd.artifactstore.producer',
  subject: 'vnd.artifactstore.subject',
  name: 'vnd.artifactstore.name',
  retentionClass: 'vnd.artifactstore.retention-class',
  packageId: 'vnd.artifactstore.package-id',
  /** Digest of the canonical CBOR manifest. */
  manifestDigest: 'vnd.artifactstore.manifest-digest',
  blake3: 'vnd.artifactstore.blake3',
  /** Permission bits in octal with a leading zero, as chmod takes them: `0644`. */
  mode: 'vnd.artifactstore.mode',
} as const

/** A manifest of more bytes has no `/v2/` face: clients refuse to read it. */
export const OCI_MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024
