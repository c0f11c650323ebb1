/**
 * The layer table (ADR 0007): who may import whom, as data. `docs/architecture.md` shows it; the rules that read it
 * are in `rules.ts`.
 */

export interface Layer {
  /** Paths from the root; a folder ends with '/'. */
  readonly paths: readonly string[]
  /** Layers whose face it may import. */
  readonly imports: readonly string[]
  /** Layers of which it may import types only. */
  readonly types?: readonly string[]
  readonly packages: readonly string[]
  /** Node modules that would mean it knows something it should not. */
  readonly without?: readonly string[]
  /** What others may import of it; absent: its index.ts. */
  readonly faces?: readonly string[]
}

const NETWORK = ['node:http', 'node:https', 'node:http2', 'node:net', 'node:tls']

export const LAYERS: Readonly<Record<string, Layer>> = {
  storage: {
    paths: ['src/storage/'],
    imports: [],
    packages: ['@napi-rs/blake-hash', '@noble/hashes'],
    without: NETWORK,
  },
  signing: {
    paths: ['src/signing/'],
    imports: [],
    packages: ['@sigstore/bundle', '@sigstore/verify'],
    without: NETWORK,
  },
  registry: {
    paths: ['src/registry/'],
    imports: ['storage', 'signing'],
    packages: ['ajv', 'bcrypt', 'better-sqlite3', 'canonicalize', 'jose', 'knex', 'pg'],
    without: NETWORK,
  },
  http: { paths: ['src/http/'], imports: [], packages: ['express', 'pino', 'prom-client'] },
  oci: { paths: ['src/oci/'], imports: ['registry', 'storage', 'http'], packages: ['express'] },
  'native-api': {
    paths: ['src/native-api/'],
    imports: ['registry', 'storage', 'http'],
    packages: ['ajv', 'express', 'multer'],
    faces: ['src/native-api/index.ts', 'src/native-api/wire.ts'],
  },
  proxy: { paths: ['src/proxy/'], imports: ['registry', 'storage', 'http'], packages: ['express', 'undici', 'yaml'] },
  cli: {
    paths: ['src/cli/'],
    imports: ['native-api', 'signing'],
    packages: ['cli-progress', 'commander', '@napi-rs/blake-hash', '@noble/hashes'],
  },
  web: { paths: ['src/web/'], imports: [], types: ['native-api'], packages: [] },
  config: {
    paths: ['src/config.ts', 'src/config/'],
    imports: [],
    types: ['storage', 'registry', 'http'],
    packages: ['ajv', 'smol-toml', 'yaml'],
    faces: ['src/config.ts'],
  },
  /** A migration is handed knex and the engine's traits by the registry and knows their types. */
  migrations: { paths: ['migrations/'], imports: [], types: ['registry'], packages: ['knex'] },
  version: { paths: ['src/version.ts'], imports: [], packages: [], faces: ['src/version.ts'] },
  main: {
    paths: ['src/main.ts', 'src/main/', 'src/compose.ts'],
    imports: [
      'storage',
      'signing',
      'registry',
      'http',
      'oci',
      'native-api',
      'proxy',
      'cli',
      'config',
      'version',
      'migrations',
    ],
    packages: ['express', 'pino'],
    faces: ['src/compose.ts'],
  },
  /** The package's face for programs. */
  library: {
    paths: ['src/index.ts'],
    imports: ['main', 'config', 'registry', 'storage', 'version'],
    packages: [],
    faces: [],
  },
}

/** Files that may reach past a layer's face: `compose` chooses among the backends, which their layer's face hides. */
export const BEYOND_FACES = [{ from: 'src/compose.ts', to: /^src\/storage\/[a-z0-9]+\/index\.ts$/ }] as const

/** Of a layer with several faces, who may import only which. */
export const ONLY_FACE: Readonly<Record<string, string>> = {
  cli: 'src/native-api/wire.ts',
  web: 'src/native-api/wire.ts',
}

/** What one place alone may import. A module is a package's name or a path from the root. */
export const RESERVED: readonly { readonly module: RegExp; readonly for: readonly string[] }[] = [
  { module: /^(?:better-sqlite3|pg)$/, for: ['src/registry/database/'] },
  { module: /^knex$/, for: ['src/registry/database/', 'migrations/'] },
  {
    module: /^(?:cbor2|cbor-x|src\/registry\/manifest\/cbor-[a-z]+\.ts)$/,
    for: ['src/registry/manifest/canonical-cbor.ts', 'src/registry/manifest/cbor-'],
  },
  { module: /^@sigstore\//, for: ['src/signing/'] },
  { module: /^multer$/, for: ['src/native-api/file-form.ts'] },
]

/** What is loaded before a server answers, with all that these import at once. */
export const START = ['src/main.ts', 'src/compose.ts', 'src/main/serve.ts']

/**
 * Loaded by the first who needs it, since most servers never do: each costs 10 to 130 ms of every start and up to 13 MiB. An
 * import of `node:http` reads all of its exports, and one of them loads a whole HTTP client.
 */
export const NOT_AT_START =
  /^(?:ajv|bcrypt|cli-progress|commander|jose|knex|multer|pg|prom-client|smol-toml|yaml|@sigstore\/\w+|node:https?)$/

/** Only here are things constructed that must be closed again. */
export const CONSTRUCTION = ['src/compose.ts', 'src/main.ts', 'src/main/', 'src/index.ts']

export const FILE_LINES = 400
/** Tables, generated files and contract suites. */
export const LONG_FILES: readonly RegExp[] = [/^src\/config\/settings\.ts$/, /^test\/contract\//]

/** They say where code was put, not what it is for. */
export const EMPTY_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'types', 'constants', 'shared']
