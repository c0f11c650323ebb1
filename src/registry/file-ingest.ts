/** Adding a file whose bytes are durable to a draft package: checked early for the sender's sake, again in the log's order. */
import type { Digests } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import { blobEvents } from './ingest.ts'
import { pathKey, printable, type RelativePath } from './names.ts'
import { readFile } from './package-rows.ts'
import type { File, NewFile } from './registry.ts'

/** Checked when a file is added, not first at finalize. */
export const PACKAGE_FILE_LIMIT = 100_000

export interface FileFacts {
  readonly digests: Digests
  readonly backendId: string
}

interface DraftRow {
  readonly status: string
  readonly file_count: number
  readonly repository_id: string
}

/** Throws `package-unknown`, `package-finalized`, `package-full`, `path-taken`: before the sender's bytes are taken. */
export async function requireOpenPackage(core: Core, packageId: string, path: RelativePath): Promise<void> {
  await requireDraft(core.database.reader, packageId, path)
}

async function requireDraft(sql: Sql, packageId: string, path: RelativePath): Promise<DraftRow> {
  const draft = await sql.get<DraftRow>('SELECT status, file_count, repository_id FROM packages WHERE package_id = ?', [
    packageId,
  ])
  if (!draft)
    throw new RegistryError('package-unknown', `There is no package '${printable(packageId)}'`, { id: packageId })
  if (draft.status !== 'created') {
    throw new RegistryError(
      'package-finalized',
      `Package ${packageId} is ${draft.status} and takes no more files: create another package`,
      {
        id: packageId,
        status: draft.status,
      },
    )
  }
  if (draft.file_count >= PACKAGE_FILE_LIMIT) {
    throw new RegistryError(
      'package-full',
      `Package ${packageId} has ${PACKAGE_FILE_LIMIT} files, which is the most: put the rest into another package`,
      {
        limit: PACKAGE_FILE_LIMIT,
      },
    )
  }
  await refuseTakenPath(sql, packageId, path)
  return draft
}

/** No file system can hold a file `a` and a file `a/b`, nor two whose names are equal under NFC. */
async function refuseTakenPath(sql: Sql, packageId: string, path: RelativePath): Promise<void> {
  const key = pathKey(path)
  const folders = [...key.matchAll(/\//g)].map(({ index }) => key.slice(0, index))
  const taken =
    (await sql.get<{ relative_path: string }>(
      `SELECT relative_path FROM files WHERE package_id = ? AND path_key IN (${['?', ...folders.map(() => '?')].join(', ')})`,
      [packageId, key, ...folders],
    )) ??
    // '0' is the character after '/': everything below the folder that this file would have to be.
    (await sql.get<{ relative_path: string }>(
      'SELECT relative_path FROM files WHERE package_id = ? AND path_key > ? AND path_key < ? LIMIT 1',
      [packageId, `${key}/`, `${key}0`],
    ))
  if (!taken) return
  throw new RegistryError(
    'path-taken',
    `Package ${packageId} has a file '${printable(taken.relative_path)}' already, and '${printable(path)}' cannot be beside it: every path is used once, by a file or by a folder`,
    { field: 'relative_path', existing: taken.relative_path },
  )
}

/** Records the file; `also` changes working state in the same transaction. */
export async function fileIngest(
  core: Core,
  packageId: string,
  file: NewFile,
  facts: FileFacts,
  also?: (tx: Sql) => Promise<void>,
): Promise<File> {
  const fileId = core.ids.uuid()
  await core.recorder.record(file.actor, async (tx) => {
    const draft = await requireDraft(tx, packageId, file.path)
    const blob = await blobEvents(tx, core, { ...facts, repositoryId: draft.repository_id })
    await also?.(tx)
    const { blake3, sha256, size } = facts.digests
    const payload = {
      file_id: fileId,
      repository_id: draft.repository_id,
      relative_path: file.path,
      media_type: file.mediaType,
      mode: file.mode ?? null,
      size,
      blake3,
      sha256,
      salt: core.ids.random(16),
    }
    return {
      events: [...blob, { type: 'v1.file.ingested', subjectKind: 'package', subjectId: packageId, payload }],
      result: undefined,
    }
  })
  return readFile(core.database.reader, fileId)
}
