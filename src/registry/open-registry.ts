/**
 * Opens the domain over a database and storage backends that the caller constructed: checks the log, brings stale views
 * up to date, and hands out the services. Closing the registry closes the database.
 */
import { createSecretKey } from 'node:crypto'
import type { TrustedKey } from '../signing/index.ts'
import { canTellHealth, closeHashWorkers } from '../storage/index.ts'
import { type AccessOptions, type CreatedAccess, createAccess } from './auth/access.ts'
import { createBlobs } from './blobs.ts'
import { createCatalog } from './catalog.ts'
import { clockProblem, confirmClock } from './clock-guard.ts'
import { type Alarm, type Backend, backendOf, type Core } from './core.ts'
import type { Database } from './database/sql.ts'
import { erasePackage } from './erase.ts'
import { createFeed } from './feed.ts'
import { createFiles } from './files.ts'
import { type Ids, systemIds } from './ids.ts'
import { createManifests } from './manifests.ts'
import { expireDrafts } from './package-remove.ts'
import { createPackages } from './packages.ts'
import { createPlacement, type PlacementRoute } from './placement.ts'
import { createRecorder } from './record.ts'
import { createRefRecords } from './ref-records.ts'
import { type RefStore, registryRefStore } from './ref-store/index.ts'
import { createReferrers } from './referrers.ts'
import type { Registry, RegistryHealth } from './registry.ts'
import { replay, staleViews } from './replay.ts'
import {
  classByRepository,
  createRetentionClasses,
  type RepositoryClass,
  type RetentionClass,
  USER_MANAGED,
} from './retention/classes.ts'
import { createRetention } from './retention/retention.ts'
import { createSignatures } from './signatures.ts'
import type { TagRule } from './tag-rules.ts'
import { createTags } from './tags.ts'
import { sweepUploads } from './uploads/sweep-uploads.ts'
import { breakLeases } from './uploads/upload-rows.ts'
import { createUploads } from './uploads/uploads.ts'
import { refuseBrokenLog, verifyLog } from './verify/verify-log.ts'
import { verifyViews } from './verify/verify-views.ts'
import { createApplier, VIEWS } from './views/index.ts'

export interface RegistryDependencies {
  readonly database: Database
  readonly backends: readonly Backend[]
  readonly defaultBackend: string
  readonly routes?: readonly PlacementRoute[]
  readonly version: string
  /** Other durations of the seeds, and further classes. */
  readonly retentionClasses?: readonly RetentionClass[]
  /** The class of what is pushed to a repository without one: the first rule that matches, else `ociRetentionClass`. */
  readonly repositoryClasses?: readonly RepositoryClass[]
  readonly ociRetentionClass?: string
  readonly releaseByOther?: boolean
  readonly uploadExpirySeconds?: number
  /** 0: drafts stay. */
  readonly draftExpirySeconds?: number
  readonly undeleteGraceSeconds?: number
  readonly tagRules?: readonly TagRule[]
  readonly access?: AccessOptions
  /** Whose signatures are `valid` in lists of referrers; absent: none is checked. */
  readonly signingKeys?: readonly TrustedKey[]
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
  readonly ids?: Ids
  readonly alarm?: Alarm
  /** Called when a flush failed: the process must end. Without it the error is thrown out of a timer. */
  readonly onFlushFailure?: (error: unknown) => void
  /** This process alone serves the database: leases of a predecessor are broken at once. */
  readonly soleServer?: boolean
}

/** The services, and what only the command line and tests use beside them. */
export interface OpenedRegistry extends Registry {
  readonly refs: RefStore
  erase(packageId: string, request: { actor: string; legalBasis: string }): Promise<{ events: number }>
}

const DAY = 24 * 60 * 60

/** Throws `log-broken` naming the sequence; nothing is opened then. */
export async function openRegistry(dependencies: RegistryDependencies): Promise<OpenedRegistry> {
  const { database } = dependencies
  try {
    await refuseBrokenLog(database.reader)
    const core = await createCore(dependencies)
    const stale = await staleViews(database.reader, VIEWS)
    if (stale.length > 0) await replay({ database, recorder: core.recorder, views: stale })
    if (dependencies.soleServer) await core.recorder.write(breakLeases)
    return services(core, await createAccess(core, dependencies.access ?? {}))
  } catch (error) {
    await database.close()
    throw error
  }
}

async function createCore(dependencies: RegistryDependencies): Promise<Core> {
  const { database, clock = Date.now, defaultBackend } = dependencies
  const ids = dependencies.ids ?? systemIds(clock)
  const recorder = createRecorder({
    database,
    apply: createApplier(VIEWS),
    clock,
    ids,
    onFlushFailure: dependencies.onFlushFailure ?? throwOutside,
  })
  const secret = await database.reader.get<{ value: Uint8Array }>("SELECT value FROM secrets WHERE name = 'upload-ids'")
  return {
    database,
    recorder,
    backends: new Map(dependencies.backends.map((backend) => [backend.id, backend])),
    defaultBackend,
    placement: createPlacement(dependencies.routes ?? [], defaultBackend),
    clock,
    ids,
    retentionClasses: createRetentionClasses(dependencies.retentionClasses),
    classOfRepository: classByRepository(
      dependencies.repositoryClasses ?? [],
      dependencies.ociRetentionClass ?? USER_MANAGED,
    ),
    releaseByOther: dependencies.releaseByOther ?? false,
    uploadExpirySeconds: dependencies.uploadExpirySeconds ?? DAY,
    draftExpirySeconds: dependencies.draftExpirySeconds ?? 7 * DAY,
    undeleteGraceSeconds: dependencies.undeleteGraceSeconds ?? 7 * DAY,
    tagRules: dependencies.tagRules ?? [],
    alarm: dependencies.alarm ?? (() => undefined),
    signingKeys: dependencies.signingKeys ?? [],
    uploadSecret: createSecretKey(secret!.value),
    generator: `artifact-store/${dependencies.version}`,
  }
}

function services(core: Core, { access, tokens }: CreatedAccess): OpenedRegistry {
  const { database, recorder } = core
  const uploads = createUploads(core)
  const events = createFeed(core)
  let disposed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    uploads.close()
    await events.close()
    await recorder.close()
    await database.close()
    await closeHashWorkers()
  }
  return {
    packages: createPackages(core),
    files: createFiles(core),
    uploads,
    blobs: createBlobs(core),
    manifests: createManifests(core),
    tags: createTags(core),
    retention: createRetention(core),
    referrers: createReferrers(core),
    signatures: createSignatures(core),
    catalog: createCatalog(core),
    events,
    access,
    tokens,
    refs: registryRefStore(createRefRecords(core)),
    health: () => health(core),
    durabilityRisk: () => database.durabilityRisk(),
    replay: (onProgress) => replay({ database, recorder, views: VIEWS, onProgress }),
    verifyViews: (onProgress) => verifyViews(database, VIEWS, onProgress),
    verifyLog: (onProgress) => verifyLog(database.reader, 0, onProgress),
    async sweepUploads() {
      if ((await clockProblem(core)) !== undefined) return { discarded: 0 }
      const uploads = await sweepUploads(core)
      const drafts = await expireDrafts(core)
      return { discarded: uploads.discarded + drafts.discarded }
    },
    confirmClock: () => confirmClock(core),
    erase: (packageId, request) => erasePackage(core, packageId, request),
    dispose() {
      disposed ??= close()
      return disposed
    },
  }
}

async function health(core: Core): Promise<RegistryHealth> {
  const { database, defaultBackend } = core
  const kind = database.traits.kind
  const failed = await database
    .ping()
    .then(() =>
      database.reader.get<{ n: number }>("SELECT count(*) AS n FROM storage_locations WHERE status = 'failed'"),
    )
    .catch(() => undefined)
  const { blobs } = backendOf(core, defaultBackend)
  const backend = canTellHealth(blobs) ? await blobs.health() : { healthy: true }
  const failedLocations = failed?.n ?? 0
  return {
    healthy: failed !== undefined && backend.healthy && failedLocations === 0,
    database: { kind, healthy: failed !== undefined, detail: failed ? 'ok' : 'the database does not answer' },
    backend: { id: defaultBackend, ...backend },
    failedLocations,
  }
}

function throwOutside(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
