/**
 * What refers to a package: signatures, attestations, SBOMs and the rest, wherever clients put them, each with the verdicts
 * of the configured keys. A package that came through the native API is signed on its OCI face, so both kinds are alike.
 */
import {
  checkSignature,
  type ReferrerKind,
  type SignaturePart,
  type SignedSubject,
  signaturesIn,
  subjectOf,
  type Verdict,
} from '../signing/index.ts'
import type { Digest } from '../storage/index.ts'
import { findBlob, openBlob } from './blob-access.ts'
import type { Core } from './core.ts'
import { decodeCursor, encodeCursor } from './cursors.ts'
import { isRegistryError } from './errors.ts'
import { parseManifest } from './manifest/oci-manifest.ts'
import { readPackageRow } from './package-rows.ts'
import { readReferrers } from './referrer-rows.ts'
import type { Page, PageRequest } from './registry.ts'

export interface CheckedSignature extends Verdict {
  /** Digest of the layer that holds it. */
  readonly layer: string
}

export interface PackageReferrer {
  /** By what is signed; where nothing was checked, by what its manifest says. */
  readonly kind: ReferrerKind
  /** It is a package itself, with files to read. */
  readonly packageId: string
  readonly digest: Digest
  readonly mediaType: string
  readonly artifactType?: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  /** Of cosign 2, which names the package by a tag and not by a subject. */
  readonly tag?: string
  /** One for each signature in it that was checked. */
  readonly signatures: readonly CheckedSignature[]
  /** Why there are signatures in it that were not checked. */
  readonly uncheckedReason?: string
}

export interface Signatures {
  /**
   * Those by tag first, then those by subject in digest order. A page may be shorter than asked for and have a `next`: what
   * is read for one page is bounded. Throws `package-unknown`, `cursor-unknown`.
   */
  list(
    packageId: string,
    page: PageRequest & { readonly artifactTypes?: readonly string[] },
  ): Promise<Page<PackageReferrer>>
}

/** Bytes of manifests and signatures after which a page ends. */
const PAGE_BYTES = 16 * 1024 * 1024
const NO_KEYS = 'no signing keys are configured on this server'

interface Subject {
  readonly repositoryId: string
  readonly digest: string
  readonly signed: SignedSubject
}

/** Where a referrer was found: the key of its place in the list. */
type Place = readonly ['tag' | 'subject', string]
interface Entry {
  readonly place: Place
  readonly packageId: string
}

export function createSignatures(core: Core): Signatures {
  return {
    async list(packageId, { limit, cursor, artifactTypes = [] }) {
      const after = cursor === undefined ? undefined : placeOf(cursor)
      const subject = await subjectOfPackage(core, packageId)
      if (!subject) return { items: [] }
      const { entries, isMore } = await entriesAfter(core, subject, { after, limit: limit + 1, artifactTypes })
      const items: PackageReferrer[] = []
      let bytes = 0
      for (const [index, entry] of entries.entries()) {
        if (items.length === limit || bytes > PAGE_BYTES) {
          return { items, next: encodeCursor(...entries[index - 1]!.place) }
        }
        const found = await readReferrer(core, subject, entry)
        bytes += found?.bytes ?? 0
        const isWanted = artifactTypes.length === 0 || artifactTypes.includes(found?.referrer.artifactType ?? '')
        if (found && isWanted) items.push(found.referrer)
      }
      // One of them may have gone while it was read, and the page is shorter by it.
      return isMore ? { items, next: encodeCursor(...entries.at(-1)!.place) } : { items }
    },
  }
}

function placeOf(cursor: string): Place {
  const [kind, key] = decodeCursor(cursor, 2) as [string, string]
  return [kind === 'tag' ? 'tag' : 'subject', key]
}

/** Undefined where `/v2/` does not show the package: nothing can refer to it then. */
async function subjectOfPackage(core: Core, packageId: string): Promise<Subject | undefined> {
  const { reader } = core.database
  const row = await readPackageRow(reader, packageId)
  if (!row.oci_digest || !row.repository_id) return undefined
  const manifest = await reader.get<{ bytes: Uint8Array }>('SELECT bytes FROM manifests WHERE package_id = ?', [
    packageId,
  ])
  if (!manifest) return undefined
  return { repositoryId: row.repository_id, digest: row.oci_digest, signed: subjectOf(manifest.bytes) }
}

async function entriesAfter(
  core: Core,
  subject: Subject,
  page: { after: Place | undefined; limit: number; artifactTypes: readonly string[] },
): Promise<{ entries: Entry[]; isMore: boolean }> {
  const { after, limit, artifactTypes } = page
  const byTag = after?.[0] === 'subject' ? [] : await tagEntries(core, subject, after?.[1] ?? '')
  const rows = await readReferrers(core.database.reader, {
    repositoryId: subject.repositoryId,
    subject: subject.digest,
    after: after?.[0] === 'subject' ? after[1] : '',
    artifactTypes,
    limit,
  })
  const bySubject = rows.map((row): Entry => ({ place: ['subject', row.digest], packageId: row.package_id }))
  return { entries: [...byTag, ...bySubject], isMore: rows.length === limit }
}

/** cosign specs, "Tag based discovery": `sha256-<hex>.sig`, `.att` and `.sbom` beside the package. */
async function tagEntries(core: Core, { repositoryId, digest }: Subject, after: string): Promise<Entry[]> {
  const stem = digest.replace(':', '-')
  const rows = await core.database.reader.all<{ name: string; package_id: string }>(
    'SELECT name, package_id FROM tags WHERE repository_id = ? AND name IN (?, ?, ?) AND name > ? ORDER BY name',
    [repositoryId, `${stem}.att`, `${stem}.sbom`, `${stem}.sig`, after],
  )
  return rows.map((row) => ({ place: ['tag', row.name], packageId: row.package_id }))
}

interface ManifestRow {
  readonly digest: Digest
  readonly media_type: string
  readonly size: number
  readonly bytes: Uint8Array
}

/** Undefined for what a tag names and the list by subject has too, or what is gone by now. */
async function readReferrer(
  core: Core,
  subject: Subject,
  { place, packageId }: Entry,
): Promise<{ referrer: PackageReferrer; bytes: number } | undefined> {
  const row = await core.database.reader.get<ManifestRow>(
    "SELECT digest, media_type, size, bytes FROM manifests WHERE package_id = ? AND status = 'live'",
    [packageId],
  )
  if (!row) return undefined
  const parsed = parseManifest(row.bytes, row.media_type)
  const tag = place[0] === 'tag' ? place[1] : undefined
  if (tag !== undefined && parsed.subject?.digest === subject.digest) return undefined
  const { kind, parts, uncheckedReason } = signaturesIn(row.bytes)
  const hasKeys = core.signingKeys.length > 0
  const signatures = hasKeys ? await checkAll(core, subject, parts) : []
  const reason = hasKeys || parts.length === 0 ? uncheckedReason : NO_KEYS
  const referrer: PackageReferrer = {
    kind: signatures[0]?.kind ?? (kind === 'referrer' && tag !== undefined ? kindOfTag(tag) : kind),
    packageId,
    digest: row.digest,
    mediaType: row.media_type,
    ...(parsed.referrerType === undefined ? {} : { artifactType: parsed.referrerType }),
    size: row.size,
    ...(parsed.annotations === undefined ? {} : { annotations: parsed.annotations }),
    ...(tag === undefined ? {} : { tag }),
    signatures,
    ...(reason === undefined ? {} : { uncheckedReason: reason }),
  }
  return { referrer, bytes: row.size + parts.reduce((sum, { size }) => sum + size, 0) }
}

function kindOfTag(tag: string): ReferrerKind {
  if (tag.endsWith('.sbom')) return 'sbom'
  return tag.endsWith('.att') ? 'attestation' : 'signature'
}

async function checkAll(core: Core, subject: Subject, parts: readonly SignaturePart[]): Promise<CheckedSignature[]> {
  const checked: CheckedSignature[] = []
  // One after the other: each may have megabytes.
  for (const part of parts) {
    const layer = await readLayer(core, subject.repositoryId, part)
    const verdict = checkSignature(part, layer, { subject: subject.signed, keys: core.signingKeys })
    checked.push({ ...verdict, layer: part.digest })
  }
  return checked
}

/** Undefined when the repository lacks it, or its bytes are lost or damaged (which raises the alarm). */
async function readLayer(core: Core, repositoryId: string, part: SignaturePart): Promise<Uint8Array | undefined> {
  const row = await findBlob(core.database.reader, repositoryId, part.digest)
  if (row?.size !== part.size) return undefined
  try {
    const { content } = await openBlob(core, row, { digest: part.digest as Digest, mediaType: '' })
    const chunks: Uint8Array[] = []
    for await (const chunk of content) chunks.push(chunk as Uint8Array)
    return Buffer.concat(chunks)
  } catch (error) {
    if (isRegistryError(error) && (error.code === 'content-missing' || error.code === 'content-damaged'))
      return undefined
    throw error
  }
}
