/**
 * The package's face for programs: `import { openRegistry } from 'artifact-store'` gives the whole store without a
 * server. It reads neither the environment nor `.env`: what it should know is in its options. `docs/library.md` shows it.
 */
import { openRegistryFor } from './compose.ts'
import { loadConfig } from './config.ts'
import type { Alarm, OpenedRegistry } from './registry/index.ts'

export interface OpenOptions {
  /**
   * `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`; absent: `var/artifactstore.db` below `folder`.
   * A SQLite database is migrated when it is opened, PostgreSQL by `artifactstore migrate`.
   */
  readonly databaseUrl?: string
  /** Root folder of the blobs; absent: `var/storage` below `folder`. */
  readonly storageRoot?: string
  /** What relative paths start from; absent: the working directory. */
  readonly folder?: string
  /** `relaxed` resolves before bytes and events are on disk, and can lose them when the power fails. */
  readonly durability?: 'durable' | 'relaxed'
  /** Class of OCI manifests that name none; absent: `user-managed`. */
  readonly ociRetentionClass?: string
  /** After this many seconds without a byte an upload is discarded; absent: a day. */
  readonly uploadExpirySeconds?: number
  /** How long a deleted manifest comes back as the same package when it is put again; absent: 7 days. */
  readonly undeleteGraceSeconds?: number
  /** PEM files of public keys whose signatures are `valid` in lists of referrers, each `path` or `name=path`. */
  readonly signingKeys?: readonly string[]
  /** Told about blobs that the log knows and the store has lost or damaged. */
  readonly onAlarm?: Alarm
  /**
   * Told when the log could not be flushed: what is on disk is unknown then, every later call fails, and the process
   * should end. Absent: the error is thrown outside of any call, which ends the process.
   */
  readonly onFlushFailure?: (error: unknown) => void
}

/**
 * Opens the registry; `dispose()` closes it. Throws `ConfigError` with every invalid option at once, and `RegistryError`
 * `schema-incompatible` or `log-broken`.
 */
export async function openRegistry(options: OpenOptions = {}): Promise<OpenedRegistry> {
  const config = loadConfig({
    cwd: options.folder ?? process.cwd(),
    env: settingsOf(options),
    isolated: true,
    purpose: 'store',
  })
  return openRegistryFor(config, {
    ...(options.onAlarm ? { alarm: options.onAlarm } : {}),
    ...(options.onFlushFailure ? { onFlushFailure: options.onFlushFailure } : {}),
  })
}

/** The options under the names of the settings, so that one table checks both. */
function settingsOf(options: OpenOptions): Record<string, string> {
  const given = {
    ARTIFACTSTORE_DATABASE_URL: options.databaseUrl,
    ARTIFACTSTORE_STORAGE_LOCAL_ROOT: options.storageRoot,
    ARTIFACTSTORE_DURABILITY: options.durability,
    ARTIFACTSTORE_OCI_RETENTION_CLASS: options.ociRetentionClass,
    ARTIFACTSTORE_UPLOAD_EXPIRY_SECONDS: options.uploadExpirySeconds,
    ARTIFACTSTORE_UNDELETE_GRACE_SECONDS: options.undeleteGraceSeconds,
    ARTIFACTSTORE_SIGNING_KEYS: options.signingKeys?.join('\n'),
  }
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  )
}

export { ConfigError } from './config.ts'
export type {
  Alarm,
  Blobs,
  Catalog,
  CheckedSignature,
  Descriptor,
  ErrorDetail,
  EventFeed,
  EventType,
  FeedEvent,
  File,
  Files,
  Finalized,
  JsonValue,
  LogReport,
  Manifest,
  ManifestDocument,
  Manifests,
  Metadata,
  NativeManifest,
  NewFile,
  NewPackage,
  OciFace,
  OpenedBlob,
  OpenedRegistry,
  Package,
  PackageFilter,
  PackageReferrer,
  PackageStatus,
  Packages,
  Page,
  PageRequest,
  Progress,
  Reference,
  ReferrerIndex,
  ReferrerPageRequest,
  Referrers,
  RefPair,
  RefStore,
  RefStoreConfig,
  RefStoreConstructor,
  RefStoreRegistry,
  Registry,
  RegistryErrorCode,
  RegistryHealth,
  RelativePath,
  ReplayReport,
  RepositoryName,
  RetentionClass,
  Signatures,
  StoredBlobFacts,
  Tag,
  Tags,
  Upload,
  UploadKey,
  Uploads,
  ViewDifference,
  ViewReport,
} from './registry/index.ts'
export {
  createRefStoreRegistry,
  decodeManifest,
  EVENT_TYPES,
  isRefNotFound,
  isRegistryError,
  manifestFromJcs,
  manifestToJcs,
  PACKAGE_STATUSES,
  parseReference,
  parseRelativePath,
  parseRepositoryName,
  parseTag,
  REGISTRY_ERROR_CODES,
  RETENTION_CLASSES,
  RegistryError,
  requireDigest as parseDigest,
} from './registry/index.ts'
export { type Algorithm, algorithmOf, type Content, type Digest, digestBytes, hexOf } from './storage/index.ts'
export { VERSION } from './version.ts'
