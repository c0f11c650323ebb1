/** The manifest of a package as bytes: canonical CBOR from the finalize event itself, or what an OCI client pushed. */
import { type Digest, digestWith } from '../storage/index.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import { NATIVE_MANIFEST_MEDIA_TYPE } from './manifest/media-types.ts'
import { manifestToJcs } from './manifest/native-manifest.ts'
import { type PackageRow, readPackageRow } from './package-rows.ts'
import type { ManifestDocument } from './registry.ts'

const JSON_MEDIA_TYPE = 'application/json'

export async function packageManifest(sql: Sql, id: string): Promise<ManifestDocument> {
  const row = await requireManifest(sql, id)
  return row.origin === 'oci' ? ociDocument(sql, row) : nativeDocument(sql, row)
}

export async function packageManifestJson(sql: Sql, id: string): Promise<ManifestDocument> {
  const row = await requireManifest(sql, id)
  if (row.origin === 'oci') return ociDocument(sql, row)
  const bytes = new TextEncoder().encode(manifestToJcs((await nativeDocument(sql, row)).bytes))
  return { mediaType: JSON_MEDIA_TYPE, digest: digestWith('blake3', bytes), bytes }
}

/** Throws `manifest-unknown` for a package that is too large for one. */
export async function packageOciManifest(sql: Sql, id: string): Promise<ManifestDocument> {
  const row = await requireManifest(sql, id)
  if (row.oci_digest) return ociDocument(sql, row)
  throw new RegistryError('manifest-unknown', `Package ${id} has no OCI manifest: that would be over 4 MiB`, { id })
}

async function requireManifest(sql: Sql, id: string): Promise<PackageRow> {
  const row = await readPackageRow(sql, id)
  if (row.manifest_digest && row.status !== 'erased') return row
  throw new RegistryError('package-not-finalized', `Package ${id} is ${row.status} and has no manifest`, {
    id,
    status: row.status,
  })
}

async function nativeDocument(sql: Sql, row: PackageRow): Promise<ManifestDocument> {
  const event = await sql.get<{ payload: Uint8Array | null }>(
    "SELECT payload FROM events WHERE subject_kind = 'package' AND subject_id = ? AND event_type = 'v1.package.finalized'",
    [row.package_id],
  )
  if (!event?.payload)
    throw new RegistryError('log-broken', `The event that finalized package ${row.package_id} is gone`, {
      id: row.package_id,
    })
  return { mediaType: NATIVE_MANIFEST_MEDIA_TYPE, digest: row.manifest_digest as Digest, bytes: event.payload }
}

async function ociDocument(sql: Sql, row: PackageRow): Promise<ManifestDocument> {
  const manifest = await sql.get<{ bytes: Uint8Array }>('SELECT bytes FROM manifests WHERE package_id = ?', [
    row.package_id,
  ])
  return { mediaType: row.oci_media_type!, digest: row.oci_digest as Digest, bytes: manifest!.bytes }
}
