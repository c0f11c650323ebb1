/**
 * The only file that constructs things: configuration in, a working registry and its doors out. Explicit, so that a
 * reader sees what depends on what; a new backend or door is a line here.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Logger } from 'pino'
import { MIGRATIONS } from '../migrations/index.ts'
import { type Config, ConfigError } from './config.ts'
import {
  type Counted,
  createDispatcher,
  createHttpServer,
  createMetrics,
  createOrigins,
  createTally,
  type Guard,
  type Metrics,
  metricsEndpoint,
  mount,
  requestLog,
  type Surface,
  sumOfMetrics,
} from './http/index.ts'
import { type Application, FLUSH_FAILED, type Membership } from './main/composition.ts'
import { readSigningKeys, requireUsableFiles } from './main/named-files.ts'
import { joinServeLocks, releaseAll, takeServeLocks } from './main/serve-locks.ts'
import { nativeEndpoints, problemReply } from './native-api/index.ts'
import { ociEndpoints, ociSurface } from './oci/index.ts'
import {
  type AccessOptions,
  type AccessRule,
  type Alarm,
  type Backend,
  checkSchema,
  migrate as migrateDatabase,
  migrateFresh,
  type OpenedRegistry,
  openDatabase,
  openRegistry,
  parseRepositoryPattern,
  type RepositoryPattern,
  type SchemaOptions,
  type ServeLock,
  VIEWS,
} from './registry/index.ts'
import { armFailpoints } from './storage/index.ts'
import { openLocalStore } from './storage/local/index.ts'
import { VERSION } from './version.ts'

/** How long a stopping server waits for running requests. */
const DRAIN_MS = 30_000
/** All workers of a server together; PostgreSQL takes 100 by default. */
const POSTGRES_CONNECTIONS = 60

/** The registry that the configuration describes, without doors: for the library and for command-line jobs. */
export async function openRegistryFor(
  config: Config,
  options: {
    alarm?: Alarm
    soleServer?: boolean
    /** Another process of this server has brought the schema up to date. */
    isPrepared?: boolean
    onFlushFailure?: (error: unknown) => void
    onFolderFailure?: (error: unknown) => void
    access?: AccessOptions
  } = {},
): Promise<OpenedRegistry> {
  if (config.failpoints) armFailpoints(config.failpoints)
  const signingKeys = readSigningKeys(config)
  if (!options.isPrepared) await prepareSchema(config)
  const backends = await openBackends(config, options.onFolderFailure)
  const poolSize = Math.max(3, Math.min(10, Math.floor(POSTGRES_CONNECTIONS / config.server.workers)))
  const database = await openDatabase(config.database, { durability: config.durability, poolSize })
  return openRegistry({
    database,
    backends,
    defaultBackend: config.storage.defaultBackend,
    routes: config.storage.routes,
    version: VERSION,
    ociRetentionClass: config.oci.retentionClass,
    draftExpirySeconds: config.packages.draftExpirySeconds,
    retentionClasses: config.retention.classes,
    repositoryClasses: config.retention.repositories.map((rule) => ({
      ...rule,
      repositories: patternsOf(rule.repositories),
    })),
    releaseByOther: config.retention.releaseByOther,
    uploadExpirySeconds: config.uploads.expirySeconds,
    undeleteGraceSeconds: config.retention.undeleteGraceSeconds,
    tagRules: config.tagRules.map((rule) => ({ ...rule, repositories: patternsOf(rule.repositories) })),
    signingKeys,
    ...options,
  })
}

/**
 * The server, or with a membership one process of it: the registry behind its doors. Throws `unavailable` when another
 * server holds the database or the root.
 */
export async function openApplication(
  config: Config,
  { logger, membership }: { logger: Logger; membership?: Membership },
): Promise<Application> {
  requireUsableFiles(config)
  const isFirst = membership?.isFirst ?? true
  const locks = membership ? joinServeLocks(config) : takeServeLocks(config)
  try {
    const alarms = countAlarms(logger)
    const registry = await openRegistryFor(config, {
      alarm: alarms.alarm,
      // Leases of processes that live are not broken: those of a worker that died lapse by themselves.
      soleServer: isFirst && config.database.kind === 'sqlite',
      isPrepared: !isFirst,
      access: accessOptions(config, logger),
      onFlushFailure: stopFor('the event log', logger),
      // One process alone refuses such a folder; others would not.
      ...(membership && { onFolderFailure: stopFor('a folder of the store', logger) }),
    })
    if (isFirst) await warn(registry, logger)
    return application(config, { logger, metrics: createMetrics([alarms.counted]), registry, locks, membership })
  } catch (error) {
    releaseAll(locks)
    throw error
  }
}

/** What is on disk is unknown after a flush that failed: nobody may be answered any more (core-rules 2). */
function stopFor(what: string, logger: Logger): (error: unknown) => never {
  return (error) => {
    logger.fatal({ err: error }, `${what} could not be flushed to disk; stopping at once`)
    process.exit(FLUSH_FAILED)
  }
}

async function warn(registry: OpenedRegistry, logger: Logger): Promise<void> {
  const risk = await registry.durabilityRisk()
  if (risk) logger.warn(risk)
  const unmentioned = registry.access.unmentioned()
  if (unmentioned.length > 0) {
    logger.warn(`no access rule gives anything to ${unmentioned.slice(0, 20).join(', ')}: they may do nothing`)
  }
}

export async function migrate(config: Config, { fresh }: { fresh: boolean }): Promise<{ applied: string[] }> {
  const schema = schemaOf(config)
  return { applied: fresh ? await migrateFresh(schema) : await migrateDatabase(schema) }
}

function application(
  config: Config,
  parts: {
    logger: Logger
    metrics: Metrics
    registry: OpenedRegistry
    locks: readonly ServeLock[]
    membership: Membership | undefined
  },
): Application {
  const { logger, metrics, registry, locks, membership } = parts
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  const guard: Guard = registry.access
  const origins = createOrigins(config.server)
  const shared = {
    guard,
    origins,
    log: logger,
    observers: [requestLog(logger), metrics.requests],
    handover: config.server.fileHandover,
  }
  const transport = transportHeaders(config)
  const ociDoor = ociSurface(shared)
  const oci = {
    endpoints: ociEndpoints({ registry }),
    surface: { ...ociDoor, headers: { ...ociDoor.headers, ...transport } },
  }
  const http = createHttpServer(createDispatcher(oci.endpoints, oci.surface, app), {
    tls: config.server.tls,
    onTlsProblem: (error) =>
      logger.error({ err: error }, 'the changed certificate cannot be used; the one of before stays'),
  })
  const native: Surface = {
    ...shared,
    errorReply: problemReply,
    headers: { 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', ...transport },
  }
  mount(app, oci.endpoints, oci.surface)
  mount(
    app,
    [
      metricsEndpoint(membership ? sumOfMetrics(membership.measureAll) : metrics),
      ...nativeEndpoints({ registry, version: VERSION, draining: http.draining }),
    ],
    native,
  )
  return {
    registry,
    sweep: scheduledWork(registry, { logger, retentionSeconds: config.retention.sweepIntervalSeconds }),
    measure: () => metrics.measure(),
    async listen() {
      // Each process of a server listens for itself, and the kernel shares connections out (ADR 0014).
      const isShared = membership !== undefined
      http.server.listen({ host: config.server.host, port: config.server.port, reusePort: isShared })
      await once(http.server, 'listening')
      const { address, port } = http.server.address() as AddressInfo
      return { host: address, port }
    },
    drain: async () => void (await http.drain(DRAIN_MS)),
    async dispose() {
      await http.drain(0)
      await registry.dispose()
      releaseAll(locks)
    },
  }
}

/** Where clients reach the server by TLS they need never try without (RFC 6797). */
function transportHeaders({ server }: Config): Readonly<Record<string, string>> {
  const isSecure = server.tls !== undefined || server.publicUrl?.startsWith('https:') === true
  return isSecure ? { 'Strict-Transport-Security': 'max-age=31536000' } : {}
}

function accessOptions(config: Config, logger: Logger): AccessOptions {
  const { tokens, anonymousRead, usersFile, localToken } = config.auth
  const rules = config.accessRules?.map(
    (rule, index): AccessRule => ({
      ...rule,
      repositories: patternsOf(rule.repositories),
      origin: `access.rules[${index}]: ${rule.identities.join(', ')} may ${rule.allow.join(', ')} in ${rule.repositories.join(', ')}`,
    }),
  )
  return {
    tokens,
    anonymousRead,
    ...(usersFile ? { usersFile } : {}),
    ...(localToken ? { localToken } : {}),
    ...(rules ? { rules } : {}),
    onProblem: (sentence) => logger.error(sentence),
  }
}

/** Throws `ConfigError` for what is no pattern. */
function patternsOf(texts: readonly string[]): RepositoryPattern[] {
  return texts.map((text) => {
    const pattern = parseRepositoryPattern(text)
    if (typeof pattern === 'string') return pattern
    throw new ConfigError([`'${text}' in a rule is no pattern of repositories: one ${pattern.problem}`])
  })
}

async function openBackends(
  { storage, durability }: Config,
  onFolderFailure: (error: unknown) => void = () => undefined,
): Promise<Backend[]> {
  const backends: Backend[] = []
  for (const id of storage.backends) {
    switch (id) {
      case 'local':
        backends.push({ id, ...(await openLocalStore({ root: storage.root, durability, onFolderFailure })) })
        break
      default:
        // The configuration refuses other backends; this is for whoever adds one there and forgets it here.
        throw new Error(`no storage backend '${id}'`)
    }
  }
  return backends
}

async function prepareSchema(config: Config): Promise<void> {
  const schema = schemaOf(config)
  if (config.database.kind === 'sqlite') await migrateDatabase(schema)
  else await checkSchema(schema)
}

function schemaOf(config: Config): SchemaOptions {
  return { location: config.database, migrations: MIGRATIONS, views: VIEWS }
}

function countAlarms(logger: Logger): { alarm: Alarm; counted: Counted } {
  const tally = createTally({
    name: 'artifactstore_content_alarms_total',
    help: 'Blobs that the log knows and the store lacks or has damaged.',
    label: 'what',
  })
  return {
    counted: tally.counted,
    alarm(what, detail) {
      tally.add(what)
      logger.error({ alarm: what, ...detail }, 'stored content is missing or damaged')
    },
  }
}

/** What a server does by itself now and then. A failure is logged, and the next time is another chance. */
function scheduledWork(
  registry: OpenedRegistry,
  { logger, retentionSeconds }: { logger: Logger; retentionSeconds: number },
): () => Promise<void> {
  let sweptAt = Date.now()
  return async () => {
    try {
      await registry.sweepUploads()
    } catch (error) {
      logger.error({ err: error }, 'expired uploads could not be swept')
    }
    if (retentionSeconds === 0 || Date.now() - sweptAt < retentionSeconds * 1_000) return
    sweptAt = Date.now()
    try {
      const { eligible, held } = await registry.retention.sweep()
      if (eligible > 0) logger.info({ eligible, held }, 'packages are eligible for deletion')
    } catch (error) {
      logger.error({ err: error }, 'the retention sweep failed')
    }
  }
}
