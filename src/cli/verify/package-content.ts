/**
 * What a package must consist of, taken from bytes that were hashed here: its manifests are fetched and compared with their
 * digests and with each other, and each file that they name gets the place where the server has its bytes.
 */
import { type FileJson, MEDIA_TYPES, type PackageJson, type PackagePageJson, paths } from '../../native-api/wire.ts'
import type { ApiClient } from '../api-client.ts'
import { listFiles } from '../package-files.ts'
import type { PackageReference } from '../references.ts'
import { digestOf, isCheckable } from './digests.ts'
import {
  differenceOf,
  type ManifestFile,
  type NativeDocument,
  type OciDocument,
  type OciLayer,
  readNativeManifest,
  readOciManifest,
} from './manifest-documents.ts'
import { receiveBytes } from './receive.ts'

export interface Problem {
  /** A path in the package, or what else is wrong. */
  readonly path: string
  readonly reason: string
}

export interface ExpectedFile extends ManifestFile {
  /** Undefined: the server lists no file for it. */
  readonly remote: FileJson | undefined
}

export interface PackageContent {
  readonly package: PackageJson
  readonly problems: readonly Problem[]
  /** Empty where the manifest cannot be read. */
  readonly files: readonly ExpectedFile[]
  /** Digests of the manifests that an index lists. */
  readonly children: readonly string[]
  readonly isIndex: boolean
  /** What is signed; undefined where the package is too large for one. */
  readonly ociManifest: Uint8Array | undefined
  /** As computed here. */
  readonly ociDigest: string | null
  readonly manifestDigest: string | null
}

/** A package of 100,000 files with long paths; `/v2/` takes 4 MiB. */
const MANIFEST_LIMIT = 256 * 1024 * 1024
const OCI_MANIFEST_LIMIT = 4 * 1024 * 1024
const OCI_MANIFEST = 'OCI manifest'

/** `asked` is what the user typed: where it names a digest or an id, the manifests must be of that. */
export async function readContent(
  api: ApiClient,
  found: PackageJson,
  asked: PackageReference,
): Promise<PackageContent> {
  const problems: Problem[] = []
  const oci = await readOciFace(api, found, problems)
  const native = found.origin === 'native' ? await readNative(api, found, problems) : undefined
  if (native?.document && oci?.document) {
    const difference = differenceOf(oci.document, native.document, native.bytes)
    if (difference !== undefined) problems.push({ path: OCI_MANIFEST, reason: difference })
  }
  const digests = [oci?.digest, native?.digest]
  if (asked.kind === 'digest' && !digests.includes(asked.digest)) {
    const reason = `it is ${digests.filter(Boolean).join(' and ')}, not the ${asked.digest} that was asked for`
    problems.push({ path: 'manifest', reason })
  }
  if (native?.document) problems.push(...wrongPackage(native.document, asked))
  const remote = await listFiles(api, found.id)
  const files = native ? byPath(native.document?.files ?? [], remote) : byLayer(oci?.document?.layers ?? [], remote)
  problems.push(...strangers(files, remote))
  return {
    package: found,
    problems,
    files,
    children: oci?.document?.children ?? [],
    isIndex: oci?.document !== undefined && oci.document.layers === undefined,
    ociManifest: oci?.bytes,
    ociDigest: oci?.digest ?? null,
    manifestDigest: native?.digest ?? oci?.digest ?? null,
  }
}

/** The package of a child of an index; undefined where the repository lacks it. */
export async function findChild(api: ApiClient, repository: string, digest: string): Promise<PackageJson | undefined> {
  const query = new URLSearchParams({ repository, digest, limit: '1' })
  return (await api.json<PackagePageJson>({ path: paths.packages, query })).packages[0]
}

interface Document<T> {
  readonly bytes: Uint8Array
  readonly digest: string
  /** Undefined where it cannot be read, which is a problem by then. */
  readonly document: T | undefined
}

async function readOciFace(
  api: ApiClient,
  { id, oci }: PackageJson,
  problems: Problem[],
): Promise<Document<OciDocument> | undefined> {
  if (oci === null) return undefined
  const bytes = await receiveBytes(api, paths.ociManifest(id), { limit: OCI_MANIFEST_LIMIT })
  return documentOf(bytes, { what: OCI_MANIFEST, said: oci.digest, read: readOciManifest }, problems)
}

async function readNative(
  api: ApiClient,
  { id, manifest_digest: said }: PackageJson,
  problems: Problem[],
): Promise<Document<NativeDocument>> {
  const bytes = await receiveBytes(api, paths.manifest(id), { limit: MANIFEST_LIMIT, accept: MEDIA_TYPES.manifest })
  return documentOf(bytes, { what: 'manifest', said: said ?? '', read: readNativeManifest }, problems)
}

function documentOf<T>(
  bytes: Uint8Array,
  as: { what: string; said: string; read: (bytes: Uint8Array) => T },
  problems: Problem[],
): Document<T> {
  const algorithm = isCheckable(as.said) ? as.said.slice(0, as.said.indexOf(':')) : 'sha256'
  const digest = digestOf(algorithm, bytes)
  if (digest !== as.said) problems.push({ path: as.what, reason: `its bytes are ${digest}, not ${as.said}` })
  try {
    return { bytes, digest, document: as.read(bytes) }
  } catch (error) {
    problems.push({ path: as.what, reason: `it cannot be read: ${(error as Error).message}` })
    return { bytes, digest, document: undefined }
  }
}

/** A native manifest says which package it is, so that no other can be passed off for it. */
function wrongPackage({ id, repository }: NativeDocument, asked: PackageReference): Problem[] {
  if (asked.kind === 'id') {
    return id === asked.id ? [] : [{ path: 'manifest', reason: `it is of the package ${id}, not ${asked.id}` }]
  }
  if (repository === asked.repository) return []
  return [{ path: 'manifest', reason: `it is of the repository ${repository}, not ${asked.repository}` }]
}

function byPath(files: readonly ManifestFile[], remote: readonly FileJson[]): ExpectedFile[] {
  const found = new Map(remote.map((file) => [file.relative_path, file]))
  return files.map((file) => ({ ...file, remote: found.get(file.path) }))
}

/** A layer is the file of its title where the server says so, else any file of its digest that is no other layer's. */
function byLayer(layers: readonly OciLayer[], remote: readonly FileJson[]): ExpectedFile[] {
  const left = new Map<string, FileJson[]>()
  for (const file of remote) left.set(file.digest, [...(left.get(file.digest) ?? []), file])
  return layers.map((layer) => {
    const candidates = left.get(layer.digest) ?? []
    const titled = candidates.findIndex((file) => file.relative_path === layer.title)
    const [file] = candidates.splice(Math.max(titled, 0), 1)
    const path = file?.relative_path ?? layer.title ?? layer.digest
    return { path, digests: [layer.digest], size: layer.size, remote: file }
  })
}

/** What the server lists and no manifest names. */
function strangers(files: readonly ExpectedFile[], remote: readonly FileJson[]): Problem[] {
  const known = new Set(files.map((file) => file.remote))
  return remote
    .filter((file) => !known.has(file))
    .map((file) => ({ path: file.relative_path, reason: 'the server lists it, and the manifest does not name it' }))
}
