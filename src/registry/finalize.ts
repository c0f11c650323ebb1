/**
 * Finalizing a package (core-rules 20): reads the draft and its last sequence, builds both manifests with a time taken
 * then, puts the bytes durably, and records only if nothing was added meanwhile; else it starts again.
 */
import { type Content, digestBytes, digestWith, failpoint } from '../storage/index.ts'
import { backendOf, type Core, storageRefusal } from './core.ts'
import { RegistryError } from './errors.ts'
import type { EventPayloads, NewEvent } from './events/event.ts'
import { identityNames } from './identities.ts'
import { blobEvents } from './ingest.ts'
import { encodeManifest, type NativeManifest, type StorageReceipt } from './manifest/native-manifest.ts'
import { type OciMapping, toOciManifest } from './manifest/oci-mapping.ts'
import { printable, type RelativePath, type RepositoryName, type Tag } from './names.ts'
import { type PackageRow, readFiles, readPackage, readPackageRow } from './package-rows.ts'
import type { File, Finalized, Metadata } from './registry.ts'
import { tagEvents } from './tags.ts'

const ATTEMPTS = 10
const FILES_PAGE = 5_000

interface Built {
  readonly row: PackageRow
  readonly backendId: string
  readonly manifest: NativeManifest
  readonly bytes: Uint8Array
  readonly digests: ReturnType<typeof digestBytes>
  readonly oci: OciMapping
}

/** Throws `package-unknown`, `package-finalized`, `package-empty`. */
export async function finalizePackage(core: Core, id: string, actor: string): Promise<Finalized> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const built = await build(core, id, actor)
    failpoint('finalize.before-manifest-put')
    await putManifest(core, built)
    failpoint('finalize.after-manifest-put')
    if (!(await recordFinalize(core, built, actor))) continue
    const { oci, digests } = built
    return {
      package: await readPackage(core.database.reader, id),
      manifestDigest: digests.blake3,
      ...(oci.bytes ? {} : { ociAbsentReason: oci.absentReason }),
    }
  }
  throw new RegistryError(
    'unavailable',
    `Files are still being added to package ${id}: finalize it when they are done`,
    { id },
  )
}

async function build(core: Core, id: string, actor: string): Promise<Built> {
  const { reader } = core.database
  const row = await readPackageRow(reader, id)
  requireDraft(row)
  const files = await allFiles(core, id)
  if (files.length === 0)
    throw new RegistryError('package-empty', `Package ${id} has no files: add at least one before finalizing it`, {
      id,
    })
  refuseDeletedBytes(files)
  const nameOf = await identityNames(reader, [row.created_by])
  const backendId = core.placement({
    repository: row.repository!,
    producer: row.producer,
    retentionClass: row.retention_class,
  })
  const retention = core.retentionClasses.find(row.retention_class)
  const manifest: NativeManifest = {
    manifest_version: 1,
    package: {
      id,
      name: row.name,
      producer: row.producer,
      subject: row.subject,
      repository: row.repository as RepositoryName,
      retention_class: row.retention_class,
      metadata: JSON.parse(row.metadata) as Metadata,
      created_at: row.created_at,
    },
    files: files.map((file) => ({
      relative_path: file.path as RelativePath,
      media_type: file.mediaType,
      size: file.size,
      blake3: file.blake3!,
      sha256: file.sha256!,
      ...(file.mode === undefined ? {} : { mode: file.mode }),
    })),
    storage_receipts: await storageReceipts(core, id),
    retention_summary: {
      retention_class: row.retention_class,
      expires_at: row.expires_at,
      default_duration_seconds: retention?.durationSeconds ?? null,
    },
    provenance: {
      created_by: nameOf(row.created_by),
      finalized_by: actor,
      finalized_at: new Date(core.clock()).toISOString(),
      generator: core.generator,
    },
  }
  const bytes = encodeManifest(manifest)
  const digests = digestBytes(bytes)
  return { row, backendId, manifest, bytes, digests, oci: toOciManifest(manifest, digests) }
}

/** A manifest must not name bytes that were deleted from the package's own repository. */
function refuseDeletedBytes(files: readonly File[]): void {
  const deleted = files.find((file) => file.blake3 === undefined)
  if (!deleted) return
  throw new RegistryError(
    'manifest-blob-unknown',
    `The bytes of the file '${printable(deleted.path)}' (${deleted.digest}) were deleted from this repository: push them again, then finalize`,
    { field: 'digest', digest: deleted.digest, file_id: deleted.id },
  )
}

async function allFiles(core: Core, id: string): Promise<File[]> {
  const files: File[] = []
  for (let after = ''; ; ) {
    const page = await readFiles(core.database.reader, id, after, FILES_PAGE)
    files.push(...page.map(({ file }) => file))
    if (page.length < FILES_PAGE) return files
    after = page[page.length - 1]!.key
  }
}

/** Where the bytes of the files are, as the log knows it. */
async function storageReceipts(core: Core, id: string): Promise<StorageReceipt[]> {
  return core.database.reader.all<StorageReceipt>(
    `SELECT DISTINCT l.blake3, l.backend_id FROM files f JOIN storage_locations l ON l.blake3 = f.digest
     WHERE f.package_id = ? AND l.status = 'stored'`,
    [id],
  )
}

function requireDraft(row: Pick<PackageRow, 'package_id' | 'status'>): void {
  if (row.status === 'created') return
  throw new RegistryError(
    'package-finalized',
    `Package ${row.package_id} is ${row.status} already: it cannot be finalized again`,
    {
      id: row.package_id,
      status: row.status,
    },
  )
}

/** The canonical manifest is the config blob of the OCI manifest, so it is in the store before anything names it. */
async function putManifest(core: Core, { backendId, bytes, digests }: Built): Promise<void> {
  const content: Content = (async function* () {
    yield bytes
  })()
  try {
    await backendOf(core, backendId).blobs.put(digests.blake3, digests.size, content)
  } catch (error) {
    throw storageRefusal(error)
  }
}

/** False when the draft changed since it was read. */
async function recordFinalize(core: Core, built: Built, actor: string): Promise<boolean> {
  const { row, backendId, digests } = built
  return core.recorder.record(actor, async (tx) => {
    const current = await readPackageRow(tx, row.package_id)
    requireDraft(current)
    if (current.last_event_sequence !== row.last_event_sequence) return { events: [], result: false }
    const repositoryId = row.repository_id!
    const blob = await blobEvents(tx, core, { digests, backendId, repositoryId })
    const finalized: NewEvent = {
      type: 'v1.package.finalized',
      subjectKind: 'package',
      subjectId: row.package_id,
      payload: built.manifest as unknown as EventPayloads['v1.package.finalized'],
      encoded: built.bytes,
    }
    const face = built.oci.bytes ? faceEvents(core, built, built.oci) : undefined
    const tag = face
      ? await tagEvents(tx, core, {
          repositoryId,
          repository: row.repository!,
          tag: row.package_id as Tag,
          packageId: row.package_id,
          digest: face.digest,
        })
      : []
    return { events: [...blob, finalized, ...(face ? [face.event] : []), ...tag], result: true }
  })
}

function faceEvents(core: Core, { row }: Built, oci: Extract<OciMapping, { bytes: Uint8Array }>) {
  const digest = digestWith('sha256', oci.bytes)
  const event: NewEvent = {
    type: 'v1.manifest.put',
    subjectKind: 'package',
    subjectId: row.package_id,
    payload: {
      repository_id: row.repository_id!,
      repository: row.repository!,
      digest,
      media_type: oci.mediaType,
      bytes: oci.bytes,
      generation: 1,
      native: true,
      retention_class: row.retention_class,
      salt: core.ids.random(16),
    },
  }
  return { digest, event }
}
