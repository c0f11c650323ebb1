/** The public face of the domain: `openRegistry(deps) -> Registry`, its values, its refusals. */
export { type AccessOptions, TOKEN_SERVICE } from './auth/access.ts'
export { ACTIONS, type Action, isAction } from './auth/actions.ts'
export { ANONYMOUS, type Identity, isReservedName, jobIdentity, LOCAL } from './auth/identity.ts'
export { type AccessRule, EVERYTHING, SOMEWHERE } from './auth/policy.ts'
export {
  ALL_REPOSITORIES,
  matchesRepository,
  parseRepositoryPattern,
  type RepositoryPattern,
} from './auth/repository-pattern.ts'
export { createStaticTokens, type StaticTokens } from './auth/static-tokens.ts'
export { parseUsers } from './auth/users-file.ts'
export type { Alarm, Backend } from './core.ts'
export {
  checkSchema,
  type DatabaseLocation,
  type Migration,
  migrate,
  migrateFresh,
  rollback,
  type SchemaOptions,
} from './database/migrate.ts'
export { openDatabase } from './database/open-database.ts'
export { joinServeLock, type ServeLock, takeServeLock } from './database/serve-lock.ts'
export type { Database, DatabaseTraits, Sql } from './database/sql.ts'
export {
  type ErrorDetail,
  isRegistryError,
  REGISTRY_ERROR_CODES,
  RegistryError,
  type RegistryErrorCode,
} from './errors.ts'
export { EVENT_TYPES, type EventType, isEventType } from './events/event.ts'
export { PACKAGE_FILE_LIMIT } from './file-ingest.ts'
export { type Ids, systemIds } from './ids.ts'
export { decodeCanonical, encodeCanonical } from './manifest/canonical-cbor.ts'
export {
  DEFAULT_FILE_MEDIA_TYPE,
  NATIVE_MANIFEST_MEDIA_TYPE,
  OCI_INDEX,
  OCI_MANIFEST_LIMIT_BYTES,
} from './manifest/media-types.ts'
export { decodeManifest, manifestFromJcs, manifestToJcs, type NativeManifest } from './manifest/native-manifest.ts'
export { jsonTextProblem } from './metadata/json-text.ts'
export { parseMetadataText, validateMetadata } from './metadata/metadata.ts'
export {
  isTag,
  parseReference,
  parseRelativePath,
  parseRepositoryName,
  parseTag,
  printable,
  type Reference,
  type RelativePath,
  type RepositoryName,
  requireDigest,
  type Tag,
} from './names.ts'
export { type OpenedRegistry, openRegistry, type RegistryDependencies } from './open-registry.ts'
export type { PlacementRoute } from './placement.ts'
export * from './ref-store/index.ts'
export type * from './registry.ts'
export { PACKAGE_STATUSES } from './registry.ts'
export { repositoryOf } from './repositories.ts'
export { RETENTION_CLASSES, type RetentionClass } from './retention/classes.ts'
export type { TagRule } from './tag-rules.ts'
export { VIEWS } from './views/index.ts'
