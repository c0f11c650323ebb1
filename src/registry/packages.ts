/** Packages: created as drafts, filled with files, finalized once, found for ever. */
import type { Content, Digest } from '../storage/index.ts'
import { findBlob, isIntact } from './blob-access.ts'
import type { Core } from './core.ts'
import { type FileFacts, fileIngest, PACKAGE_FILE_LIMIT, requireOpenPackage } from './file-ingest.ts'
import { finalizePackage } from './finalize.ts'
import { createPackage } from './package-create.ts'
import { listPackages } from './package-list.ts'
import { packageManifest, packageManifestJson, packageOciManifest } from './package-manifest.ts'
import { removePackage } from './package-remove.ts'
import { readPackage, repositoryOfPackage } from './package-rows.ts'
import type { File, NewFile, Packages } from './registry.ts'
import { pairOf } from './repositories.ts'
import { stage } from './uploads/staging.ts'

export { PACKAGE_FILE_LIMIT }

export function createPackages(core: Core): Packages {
  const { reader } = core.database
  return {
    create: (request) => createPackage(core, request),
    get: (id) => readPackage(reader, id),
    list: (filter, page, visible) => listPackages(reader, filter, page, visible),
    repositoryOf: (id) => repositoryOfPackage(reader, id),
    addFile: (id, file, content) => addFile(core, id, file, content),
    addKnownFile: (id, file, digest, size) => addKnownFile(core, id, file, digest, size),
    finalize: (id, { actor }) => finalizePackage(core, id, actor),
    manifest: (id) => packageManifest(reader, id),
    manifestJson: (id) => packageManifestJson(reader, id),
    ociManifest: (id) => packageOciManifest(reader, id),
    remove: (id, request) => removePackage(core, id, request),
  }
}

async function addFile(core: Core, id: string, file: NewFile, content: Content): Promise<File> {
  await requireOpenPackage(core, id, file.path)
  const staged = await stage(core, await backendFor(core, id), content)
  try {
    await staged.commit()
  } catch (error) {
    await staged.discard()
    throw error
  }
  return fileIngest(core, id, file, staged)
}

/** Only what the package's own repository holds: any other answer would tell of another's bytes (core-rules 15). */
async function addKnownFile(
  core: Core,
  id: string,
  file: NewFile,
  digest: Digest,
  size: number,
): Promise<File | undefined> {
  await requireOpenPackage(core, id, file.path)
  const { reader } = core.database
  const row = await reader.get<{ repository_id: string }>('SELECT repository_id FROM packages WHERE package_id = ?', [
    id,
  ])
  const blob = row && (await findBlob(reader, row.repository_id, digest))
  if (!blob || blob.size !== size || !(await isIntact(core, blob))) return undefined
  const known = await reader.get<{ sha256: Digest }>('SELECT sha256 FROM blobs WHERE blake3 = ?', [blob.blake3])
  const facts: FileFacts = { digests: { blake3: blob.blake3, sha256: known!.sha256, size }, backendId: blob.backend_id }
  return fileIngest(core, id, file, facts)
}

async function backendFor(core: Core, id: string): Promise<string> {
  const row = await readPackage(core.database.reader, id)
  return core.placement({
    repository: row.repository,
    producer: row.producer || pairOf(row.repository).producer,
    retentionClass: row.retentionClass,
  })
}
