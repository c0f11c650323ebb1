/**
 * The table of all settings. Reading, checking, `config show`, `docs/config.md`, `.env.example` and
 * `schemas/config.schema.json` are all made from it, so a setting exists exactly when it has a row here.
 */
import { accessRules, addressBlocks, tagRules } from './access-values.ts'
import {
  backendIds,
  backendRoutes,
  boolean,
  databaseUrl,
  host,
  httpUrl,
  integer,
  type Kind,
  keyFiles,
  logLevel,
  oneOf,
  optional,
  path,
  text,
  tokenList,
  workers,
} from './values.ts'

export interface Setting<T = unknown> {
  /** The environment variable. */
  readonly name: string
  readonly kind: Kind<T>
  /** As text, as a user would write it; '' is none. */
  readonly default: string
  readonly description: string
  /** Never shown; may be a reference `env:NAME` or `file:/path`. */
  readonly secret?: true
  /** `reserved`: known and checked, but nothing in this version reads it. `test`: for tests only. */
  readonly status?: 'reserved' | 'test'
  /** Not in the configuration file, because it decides which file that is. */
  readonly environmentOnly?: true
}

function setting<T>(row: Setting<T>): Setting<T> {
  return row
}

/** The domain's classes; `test/config.test.ts` compares them with the registry's own list. */
export const RETENTION_CLASSES = [
  'transient',
  'raw-evidence',
  'summary-evidence',
  'release-evidence',
  'permanent-record',
  'user-managed',
] as const

const YEAR_SECONDS = 31_536_000
const port = integer(0, 65_535, 'port')
const seconds = (minimum: number) => integer(minimum, 10 * YEAR_SECONDS, 'seconds')
const bytes = integer(5_242_880, 5_368_709_120, 'bytes')

/** Keyed by the path in the configuration file. */
export const SETTINGS = {
  'config.file': setting({
    name: 'ARTIFACTSTORE_CONFIG',
    kind: optional(path),
    default: '',
    description:
      'Configuration file (YAML). Without it `./artifactstore.yaml` is read if it exists; a file named here must exist.',
    environmentOnly: true,
  }),
  'server.host': setting({
    name: 'ARTIFACTSTORE_HOST',
    kind: host,
    default: '127.0.0.1',
    description: 'Address to listen on. Any but a loopback address needs `ARTIFACTSTORE_AUTH_TOKENS`.',
  }),
  'server.port': setting({
    name: 'ARTIFACTSTORE_PORT',
    kind: port,
    default: '8000',
    description: 'Port to listen on; 0 takes a free one.',
  }),
  'server.public_url': setting({
    name: 'ARTIFACTSTORE_PUBLIC_URL',
    kind: optional(httpUrl),
    default: '',
    description: 'The URL under which clients reach the server, where it differs (behind a reverse proxy).',
  }),
  'server.trusted_proxies': setting({
    name: 'ARTIFACTSTORE_TRUSTED_PROXIES',
    kind: addressBlocks,
    default: '',
    description:
      'Addresses and CIDR blocks of reverse proxies, separated by commas. Only from them `X-Forwarded-For`, `-Proto` and `-Host` are believed.',
  }),
  'server.file_handover': setting({
    name: 'ARTIFACTSTORE_FILE_HANDOVER',
    kind: oneOf(['off', 'x-accel-redirect', 'x-sendfile'] as const),
    default: 'off',
    description:
      'Lets the proxies of `ARTIFACTSTORE_TRUSTED_PROXIES` send stored files themselves: nginx by `x-accel-redirect`, Apache and lighttpd by `x-sendfile` (docs/reverse-proxy.md).',
  }),
  'server.tls.cert': setting({
    name: 'ARTIFACTSTORE_TLS_CERT',
    kind: optional(path),
    default: '',
    description:
      'Certificate chain (PEM): the server speaks HTTPS, TLS 1.2 or newer. Read again when the file changes. Together with `ARTIFACTSTORE_TLS_KEY`.',
  }),
  'server.tls.key': setting({
    name: 'ARTIFACTSTORE_TLS_KEY',
    kind: optional(path),
    default: '',
    description: 'Private key (PEM) of the certificate.',
  }),
  'server.workers': setting({
    name: 'ARTIFACTSTORE_WORKERS',
    kind: workers,
    default: '1',
    description:
      'Processes that answer requests; `auto` is one for each processor core. With more than 1 a further small process starts them, and new ones in place of those that die.',
  }),
  'database.url': setting({
    name: 'ARTIFACTSTORE_DATABASE_URL',
    kind: databaseUrl,
    default: 'sqlite+aiosqlite:///./var/artifactstore.db',
    description:
      'Database. `sqlite:///relative`, `sqlite:////absolute` (also `sqlite+aiosqlite:`), or `postgresql://user:password@host:5432/name` (also `postgresql+asyncpg:`, `postgres:`).',
    secret: true,
  }),
  'storage.local_root': setting({
    name: 'ARTIFACTSTORE_STORAGE_LOCAL_ROOT',
    kind: path,
    default: './var/storage',
    description: 'Root folder of the local storage backend. Created on first use.',
  }),
  'storage.backends': setting({
    name: 'ARTIFACTSTORE_STORAGE_BACKENDS',
    kind: backendIds,
    default: 'local',
    description: 'Backend ids to configure. This version has `local`; `s3` is refused with a message that says so.',
  }),
  'storage.default_backend': setting({
    name: 'ARTIFACTSTORE_STORAGE_DEFAULT_BACKEND',
    kind: text,
    default: 'local',
    description: 'Backend used when no routing rule matches.',
  }),
  'storage.backend_routes': setting({
    name: 'ARTIFACTSTORE_STORAGE_BACKEND_ROUTES',
    kind: backendRoutes,
    default: '',
    description: 'Rules `producer:retention_class=backend_id`, first match first; `*` is a wildcard.',
  }),
  durability: setting({
    name: 'ARTIFACTSTORE_DURABILITY',
    kind: oneOf(['durable', 'relaxed'] as const),
    default: 'durable',
    description:
      '`durable`: an answer is given when its bytes and its event are on disk. `relaxed` does not wait, and can lose what it acknowledged last, named blobs included, when the power fails.',
  }),
  'auth.tokens': setting({
    name: 'ARTIFACTSTORE_AUTH_TOKENS',
    kind: tokenList,
    default: '',
    description:
      'Bearer tokens, separated by commas or line breaks, each `token` or `name:token`; the name becomes the actor of events. Empty on a loopback address: the server makes one on its first start.',
    secret: true,
  }),
  'auth.anonymous_read': setting({
    name: 'ARTIFACTSTORE_ANON_READ',
    kind: boolean,
    default: 'false',
    description: 'Whether reading needs no token.',
  }),
  'auth.users_file': setting({
    name: 'ARTIFACTSTORE_USERS_FILE',
    kind: optional(path),
    default: '',
    description:
      'People with passwords: an `htpasswd` file with bcrypt entries (`htpasswd -B`), read again when it changes. What they may do is said by `access.rules`, which it needs.',
  }),
  'access.rules': setting({
    name: 'ARTIFACTSTORE_ACCESS_RULES',
    kind: optional(accessRules),
    default: '',
    description:
      'Who may do what where ([access.md](access.md)); in the variable as JSON. With rules, nothing is allowed that none allows. Without, tokens of the configuration may do everything.',
  }),
  'tags.rules': setting({
    name: 'ARTIFACTSTORE_TAG_RULES',
    kind: optional(tagRules),
    default: '',
    description:
      'Tags that never move, by repository and pattern ([access.md](access.md#immutable-tags)); in the variable as JSON.',
  }),
  'signing.keys': setting({
    name: 'ARTIFACTSTORE_SIGNING_KEYS',
    kind: keyFiles,
    default: '',
    description:
      'Public keys (PEM files, such as cosign.pub) whose signatures are `valid` in lists of referrers, separated by commas or line breaks, each `path` or `name=path`. Without one nothing is checked there.',
  }),
  'oci.retention_class': setting({
    name: 'ARTIFACTSTORE_OCI_RETENTION_CLASS',
    kind: text,
    default: 'user-managed',
    description:
      'Retention class of what is pushed to `/v2/` without the annotation `vnd.artifactstore.retention-class`.',
  }),
  'uploads.expiry_seconds': setting({
    name: 'ARTIFACTSTORE_UPLOAD_EXPIRY_SECONDS',
    kind: seconds(60),
    default: '86400',
    description: 'How long an unfinished upload is kept after its last byte.',
  }),
  'packages.draft_expiry_seconds': setting({
    name: 'ARTIFACTSTORE_DRAFT_EXPIRY_SECONDS',
    kind: seconds(0),
    default: '604800',
    description: 'How long a package that is not finalized is kept after its last change; 0 keeps it.',
  }),
  'retention.undelete_grace_seconds': setting({
    name: 'ARTIFACTSTORE_UNDELETE_GRACE_SECONDS',
    kind: seconds(0),
    default: '604800',
    description: 'How long a deleted manifest can be restored by pushing it again.',
  }),
  'retention.config_path': setting({
    name: 'ARTIFACTSTORE_RETENTION_CONFIG_PATH',
    kind: optional(path),
    default: '',
    description:
      'TOML file with default durations of retention classes, further classes, and which class pushes to a repository get (docs/retention.md).',
  }),
  'retention.release_by_other': setting({
    name: 'ARTIFACTSTORE_RELEASE_BY_OTHER',
    kind: boolean,
    default: 'false',
    description: 'Whether a hold must be released by somebody else than the one who applied it.',
  }),
  'retention.sweep_interval_seconds': setting({
    name: 'ARTIFACTSTORE_RETENTION_SWEEP_INTERVAL_SECONDS',
    kind: seconds(0),
    default: '3600',
    description:
      'How often a server marks packages whose time is over (looked at every ten minutes); 0 leaves it to `artifactstore retention sweep`.',
  }),
  'log.level': setting({
    name: 'ARTIFACTSTORE_LOG_LEVEL',
    kind: logLevel,
    default: 'INFO',
    description: 'Least level that is logged: DEBUG, INFO, WARNING or ERROR.',
  }),
  'client.api_url': setting({
    name: 'ARTIFACTSTORE_API_URL',
    kind: httpUrl,
    default: 'http://127.0.0.1:8000',
    description: 'Server that the client commands talk to.',
  }),
  'client.api_token': setting({
    name: 'ARTIFACTSTORE_API_TOKEN',
    kind: optional(text),
    default: '',
    description: 'Bearer token of the client commands.',
    secret: true,
  }),
  'storage.s3.endpoint_url': setting({
    name: 'ARTIFACTSTORE_S3_ENDPOINT_URL',
    kind: optional(httpUrl),
    default: '',
    description: 'URL of an S3-compatible endpoint.',
    status: 'reserved',
  }),
  'storage.s3.region': setting({
    name: 'ARTIFACTSTORE_S3_REGION',
    kind: text,
    default: 'us-east-1',
    description: 'Region used in signatures.',
    status: 'reserved',
  }),
  'storage.s3.bucket': setting({
    name: 'ARTIFACTSTORE_S3_BUCKET',
    kind: optional(text),
    default: '',
    description: 'Bucket that holds the blobs.',
    status: 'reserved',
  }),
  'storage.s3.key_prefix': setting({
    name: 'ARTIFACTSTORE_S3_KEY_PREFIX',
    kind: optional(text),
    default: '',
    description: 'Prefix of every key, before `<algorithm>/<hex...>`.',
    status: 'reserved',
  }),
  'storage.s3.access_key_ref': setting({
    name: 'ARTIFACTSTORE_S3_ACCESS_KEY_REF',
    kind: optional(text),
    default: '',
    description: 'Reference to the access key, `env:NAME` or `file:/path`.',
    status: 'reserved',
  }),
  'storage.s3.secret_key_ref': setting({
    name: 'ARTIFACTSTORE_S3_SECRET_KEY_REF',
    kind: optional(text),
    default: '',
    description: 'Reference to the secret key, `env:NAME` or `file:/path`.',
    status: 'reserved',
  }),
  'storage.s3.storage_class': setting({
    name: 'ARTIFACTSTORE_S3_STORAGE_CLASS',
    kind: optional(text),
    default: '',
    description: 'Storage class sent with writes.',
    status: 'reserved',
  }),
  'storage.s3.sse': setting({
    name: 'ARTIFACTSTORE_S3_SSE',
    kind: optional(text),
    default: '',
    description: 'Server-side encryption, e.g. `AES256`.',
    status: 'reserved',
  }),
  'storage.s3.multipart_threshold_bytes': setting({
    name: 'ARTIFACTSTORE_S3_MULTIPART_THRESHOLD_BYTES',
    kind: bytes,
    default: '67108864',
    description: 'Size from which a blob is written in parts.',
    status: 'reserved',
  }),
  'storage.s3.multipart_chunk_bytes': setting({
    name: 'ARTIFACTSTORE_S3_MULTIPART_CHUNK_BYTES',
    kind: bytes,
    default: '8388608',
    description: 'Size of a part.',
    status: 'reserved',
  }),
  'guide_board.schema': setting({
    name: 'ARTIFACTSTORE_GUIDE_BOARD_SCHEMA',
    kind: path,
    default: 'schemas/guide-board.run.v1.json',
    description: 'Metadata schema of the guide-board pilot.',
    status: 'reserved',
  }),
  'state_hub.url': setting({
    name: 'STATE_HUB_URL',
    kind: httpUrl,
    default: 'http://127.0.0.1:8000',
    description: 'State Hub that the guide-board pilot links to.',
    status: 'reserved',
  }),
  'state_hub.workstream_id': setting({
    name: 'STATE_HUB_WORKSTREAM_ID',
    kind: optional(text),
    default: '',
    description: 'Workstream of State Hub events.',
    status: 'reserved',
  }),
  'state_hub.task_id': setting({
    name: 'STATE_HUB_TASK_ID',
    kind: optional(text),
    default: '',
    description: 'Task of State Hub events.',
    status: 'reserved',
  }),
  'test.failpoints': setting({
    name: 'ARTIFACTSTORE_FAILPOINTS',
    kind: optional(text),
    default: '',
    description: 'Places in the write paths where the process kills itself or a call fails. For tests only.',
    status: 'test',
    environmentOnly: true,
  }),
} as const

export type SettingPath = keyof typeof SETTINGS
export type Values = { readonly [K in SettingPath]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never }

export const SETTING_PATHS = Object.keys(SETTINGS) as SettingPath[]
