/** A registry on either engine with the clock in the test's hand, the usual steps in it, and what must hold after any test. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Database } from '../../src/registry/database/sql.ts'
import {
  type DatabaseLocation,
  type File,
  type OpenedRegistry,
  openDatabase,
  type Package,
  parseReference,
  parseRelativePath,
  parseRepositoryName,
  type Registry,
  type RegistryDependencies,
  type RepositoryName,
  type Sql,
  type StoredBlobFacts,
  type Tag,
} from '../../src/registry/index.ts'
import { type Digest, digestBytes, digestWith } from '../../src/storage/index.ts'
import { contentOf, readAll } from './bytes.ts'
import { type TestClock, testClock } from './clock.ts'
import type { TestDatabase } from './databases.ts'
import { openTestRegistry, type TestRegistry } from './open-test-registry.ts'

export const ACTOR = 'alice'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'

export interface Alarmed {
  readonly what: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface TestStore {
  readonly registry: OpenedRegistry
  readonly clock: TestClock
  readonly folder: string
  readonly location: DatabaseLocation
  readonly alarms: Alarmed[]
  /** A handle of the test's own, on which it looks and tampers. */
  readonly database: Database
  /** Changes the database behind the registry's back. */
  tamper(work: (sql: Sql) => Promise<unknown>): Promise<void>
  blobPath(blake3: string): string
  eventTypes(): Promise<string[]>
  /** Closes the registry and opens it again, as a restart does. */
  restart(dependencies?: Partial<RegistryDependencies>): Promise<void>
  close(): Promise<void>
}

export async function openTestStore(
  engine: TestDatabase,
  dependencies: Partial<RegistryDependencies> = {},
): Promise<TestStore> {
  const clock = testClock()
  const alarms: Alarmed[] = []
  const given = { clock, alarm: (what: string, detail: Alarmed['detail']) => alarms.push({ what, detail }) }
  const folder = await mkdtemp(join(tmpdir(), 'artifactstore-test-'))
  const { location, drop } = await engine.createMigrated(folder)
  const open = (extra: Partial<RegistryDependencies>): Promise<TestRegistry> =>
    openTestRegistry({ folder, location, isMigrated: true, dependencies: { ...given, ...dependencies, ...extra } })
  let opened: TestRegistry | undefined = await open({})
  const database = await openDatabase(location, { durability: 'relaxed' })
  const root = join(folder, 'storage')
  const dispose = async (): Promise<void> => {
    const open = opened
    opened = undefined
    await open?.registry.dispose()
  }
  return {
    get registry() {
      return opened!.registry
    },
    clock,
    folder,
    location,
    alarms,
    database,
    async tamper(work) {
      await database.writer.begin()
      await work(database.writer)
      await database.writer.commit()
      // Reads of one turn of the loop share a snapshot.
      await sleep(2)
    },
    blobPath: (blake3) => blobPath(root, blake3),
    async eventTypes() {
      const rows = await database.reader.all<{ event_type: string }>('SELECT event_type FROM events ORDER BY sequence')
      return rows.map((row) => row.event_type)
    },
    async restart(extra = {}) {
      await dispose()
      opened = await open(extra)
    },
    async close() {
      await database.close()
      await dispose()
      await drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function blobPath(root: string, blake3: string): string {
  const hex = blake3.slice(blake3.indexOf(':') + 1)
  return join(root, 'blake3', hex.slice(0, 2), hex.slice(2, 4), hex)
}

/** What must hold whatever happened: views equal the log, the chain is whole, and nothing dangles (core-rules 14). */
export async function expectSound({
  registry,
  database,
  blobPath: pathOf,
}: Pick<TestStore, 'registry' | 'database' | 'blobPath'>): Promise<void> {
  expect((await registry.verifyViews()).differences).toEqual([])
  expect(await registry.verifyLog()).not.toHaveProperty('brokenAt')
  const stored = await database.reader.all<{ blake3: string; size: number }>(
    "SELECT blake3, size FROM storage_locations WHERE status = 'stored'",
  )
  for (const { blake3, size } of stored) {
    const bytes = await readFile(pathOf(blake3))
    expect({ blake3: digestWith('blake3', bytes), size: bytes.length }).toEqual({ blake3, size })
  }
}

// --- steps ---------------------------------------------------------------------------------------------------------

export const repo = parseRepositoryName
export const path = parseRelativePath
export const tagOf = (text: string): Tag => text as Tag

export function sha256Of(bytes: Uint8Array): Digest {
  return digestWith('sha256', bytes)
}
export function sha512Of(bytes: Uint8Array): Digest {
  return digestWith('sha512', bytes)
}
export function blake3Of(bytes: Uint8Array): Digest {
  return digestBytes(bytes).blake3
}

export function pushBlob(
  { registry }: { readonly registry: Registry },
  repository: string,
  bytes: Uint8Array,
  digest: Digest = sha256Of(bytes),
): Promise<StoredBlobFacts> {
  return registry.uploads.receive({ repository: repo(repository), actor: ACTOR, digest, content: contentOf(bytes) })
}

export function descriptorOf(bytes: Uint8Array, title?: string, digest: Digest = sha256Of(bytes)) {
  const annotations = title === undefined ? {} : { annotations: { 'org.opencontainers.image.title': title } }
  return { mediaType: 'application/octet-stream', digest, size: bytes.length, ...annotations }
}

export interface ImageFacts {
  readonly layers?: readonly object[]
  readonly config?: Uint8Array
  readonly subject?: { digest: string; size: number; mediaType?: string }
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export const EMPTY_CONFIG = Buffer.from('{}')

export function imageOf({ layers = [], config = EMPTY_CONFIG, subject, ...rest }: ImageFacts = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      ...(rest.artifactType ? { artifactType: rest.artifactType } : {}),
      config: { ...descriptorOf(config), mediaType: 'application/vnd.oci.empty.v1+json' },
      layers,
      ...(subject ? { subject: { mediaType: OCI_MANIFEST, ...subject } } : {}),
      ...(rest.annotations ? { annotations: rest.annotations } : {}),
    }),
  )
}

export function indexOf(children: readonly Uint8Array[], annotations?: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: children.map((child) => ({ ...descriptorOf(child), mediaType: OCI_MANIFEST })),
      ...(annotations ? { annotations } : {}),
    }),
  )
}

export function putManifest(
  { registry }: { readonly registry: Registry },
  repository: string,
  bytes: Uint8Array,
  reference: string = sha256Of(bytes),
  tags: readonly string[] = [],
): Promise<{ digest: Digest; packageId: string; subject?: string; tags: readonly Tag[] }> {
  return registry.manifests.put({
    repository: repo(repository),
    reference: parseReference(reference),
    tags: tags.map(tagOf),
    bytes,
    actor: ACTOR,
  })
}

export async function createDraft(
  { registry }: Pick<TestStore, 'registry'>,
  fields: Partial<Parameters<OpenedRegistry['packages']['create']>[0]> = {},
): Promise<Package> {
  const request = { name: 'site', producer: 'ops', subject: 'example.org', retentionClass: 'raw-evidence' }
  return (await registry.packages.create({ ...request, actor: ACTOR, ...fields })).package
}

export function addFile(
  { registry }: Pick<TestStore, 'registry'>,
  packageId: string,
  name: string,
  bytes: Uint8Array,
): Promise<File> {
  const file = { path: path(name), mediaType: 'application/octet-stream', actor: ACTOR }
  return registry.packages.addFile(packageId, file, contentOf(bytes))
}

export async function finalizedPackage(
  store: Pick<TestStore, 'registry'>,
  files: Readonly<Record<string, Uint8Array>> = { 'a.txt': Buffer.from('a') },
  fields: Parameters<typeof createDraft>[1] = {},
): Promise<Package> {
  const draft = await createDraft(store, fields)
  for (const [name, bytes] of Object.entries(files)) await addFile(store, draft.id, name, bytes)
  return (await store.registry.packages.finalize(draft.id, { actor: ACTOR })).package
}

export async function readBlob(
  { registry }: Pick<TestStore, 'registry'>,
  repository: string | RepositoryName,
  digest: Digest,
): Promise<Buffer> {
  return readAll((await registry.blobs.open(repo(repository), digest)).content)
}

export async function readFileBytes({ registry }: Pick<TestStore, 'registry'>, id: string): Promise<Buffer> {
  return readAll((await registry.files.open(id)).content)
}
