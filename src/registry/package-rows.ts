/** Rows of the views as the values that the doors exchange. */
import { type Digest, parseDigest } from '../storage/index.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import { identityNames } from './identities.ts'
import { printable, type RelativePath, type RepositoryName } from './names.ts'
import type { File, Metadata, OciFace, Package } from './registry.ts'

export interface PackageRow {
  readonly package_id: string
  readonly origin: 'native' | 'oci'
  readonly status: Package['status']
  readonly name: string
  readonly producer: string
  readonly subject: string
  readonly retention_class: string
  readonly metadata: string
  readonly repository_id: string | null
  readonly repository: string | null
  readonly manifest_digest: string | null
  readonly oci_digest: string | null
  readonly oci_media_type: string | null
  readonly oci_size: number | null
  readonly file_count: number
  readonly total_size: number
  readonly expires_at: string | null
  readonly created_at: string
  readonly created_by: string
  readonly finalized_at: string | null
  readonly last_event_sequence: number
}

/** The columns of `PackageRow`, from `packages p` with its repository `r` and retention state `s`. */
export const PACKAGE_COLUMNS = `p.package_id, p.origin, p.status, p.name, p.producer, p.subject, p.retention_class, p.metadata,
  p.repository_id, r.name AS repository, p.manifest_digest, p.oci_digest, p.oci_media_type, p.oci_size, p.file_count, p.total_size,
  s.expires_at, p.created_at, p.created_by, p.finalized_at, p.last_event_sequence`
export const PACKAGE_TABLES = `packages p LEFT JOIN repositories r ON r.repository_id = p.repository_id
  LEFT JOIN retention_state s ON s.package_id = p.package_id`

/** Throws `package-unknown`. */
export async function readPackageRow(sql: Sql, id: string): Promise<PackageRow> {
  const row = await sql.get<PackageRow>(`SELECT ${PACKAGE_COLUMNS} FROM ${PACKAGE_TABLES} WHERE p.package_id = ?`, [id])
  if (row) return row
  throw new RegistryError('package-unknown', `There is no package '${printable(id)}'`, { id: id.slice(0, 64) })
}

export async function repositoryOfPackage(sql: Sql, id: string): Promise<RepositoryName | undefined> {
  const row = await sql.get<{ name: string }>(
    'SELECT r.name FROM packages p JOIN repositories r ON r.repository_id = p.repository_id WHERE p.package_id = ?',
    [id],
  )
  return row?.name as RepositoryName | undefined
}

export async function readPackage(sql: Sql, id: string): Promise<Package> {
  const [found] = await toPackages(sql, [await readPackageRow(sql, id)])
  return found!
}

export async function toPackages(sql: Sql, rows: readonly PackageRow[]): Promise<Package[]> {
  const nameOf = await identityNames(
    sql,
    rows.map((row) => row.created_by),
  )
  return Promise.all(rows.map(async (row) => toPackage(row, nameOf, await faceOf(sql, row))))
}

async function faceOf(sql: Sql, row: PackageRow): Promise<OciFace | null> {
  if (!row.oci_digest || row.status !== 'finalized') return null
  const tags = await sql.all<{ name: string }>('SELECT name FROM tags WHERE package_id = ? ORDER BY name LIMIT 100', [
    row.package_id,
  ])
  return {
    repository: row.repository as RepositoryName,
    digest: row.oci_digest as Digest,
    mediaType: row.oci_media_type!,
    size: row.oci_size!,
    tags: tags.map((tag) => tag.name),
  }
}

function toPackage(row: PackageRow, nameOf: (id: string) => string, oci: OciFace | null): Package {
  return {
    id: row.package_id,
    origin: row.origin,
    status: row.status,
    name: row.name,
    producer: row.producer,
    subject: row.subject,
    retentionClass: row.retention_class,
    expiresAt: row.expires_at,
    metadata: JSON.parse(row.metadata) as Metadata,
    fileCount: row.file_count,
    totalSize: row.total_size,
    manifestDigest: row.manifest_digest as Digest | null,
    repository: (row.repository ?? '') as RepositoryName,
    oci,
    createdAt: row.created_at,
    createdBy: nameOf(row.created_by),
    finalizedAt: row.finalized_at,
    lastEventSequence: row.last_event_sequence,
  }
}

interface FileRow {
  readonly file_id: string
  readonly package_id: string
  readonly relative_path: string
  readonly path_key: string
  readonly media_type: string
  readonly size: number
  readonly digest: string
  readonly mode: number | null
  readonly created_at: string
  readonly blake3: string | null
  readonly sha256: string | null
}

/** The blob's other names only where the file's own repository holds it: else they would tell of another's bytes. */
const FILES = `SELECT f.file_id, f.package_id, f.relative_path, f.path_key, f.media_type, f.size, f.digest, f.mode, f.created_at,
    b.blake3, b.sha256
  FROM files f JOIN packages p ON p.package_id = f.package_id
    LEFT JOIN blob_aliases a ON a.alias = f.digest
    LEFT JOIN repository_blobs rb ON rb.repository_id = p.repository_id AND rb.blake3 = a.blake3 AND rb.linked = 1
    LEFT JOIN blobs b ON b.blake3 = rb.blake3`

/** Throws `file-unknown`. */
export async function readFile(sql: Sql, id: string): Promise<File> {
  const row = await sql.get<FileRow>(`${FILES} WHERE f.file_id = ?`, [id])
  if (row) return toFile(row)
  throw new RegistryError('file-unknown', `There is no file '${printable(id)}'`, { id: id.slice(0, 80) })
}

/** Files in path order after the given key, with the key to go on from. */
export async function readFiles(
  sql: Sql,
  packageId: string,
  after: string,
  limit: number,
): Promise<readonly { key: string; file: File }[]> {
  const rows = await sql.all<FileRow>(
    `${FILES} WHERE f.package_id = ? AND f.path_key > ? ORDER BY f.path_key LIMIT ?`,
    [packageId, after, limit],
  )
  return rows.map((row) => ({ key: row.path_key, file: toFile(row) }))
}

function toFile(row: FileRow): File {
  return {
    id: row.file_id,
    packageId: row.package_id,
    path: row.relative_path as RelativePath,
    mediaType: row.media_type,
    size: row.size,
    digest: (parseDigest(row.digest) ?? row.digest) as Digest,
    ...(row.blake3 ? { blake3: row.blake3 as Digest } : {}),
    ...(row.sha256 ? { sha256: row.sha256 as Digest } : {}),
    ...(row.mode === null ? {} : { mode: row.mode }),
    createdAt: row.created_at,
  }
}
