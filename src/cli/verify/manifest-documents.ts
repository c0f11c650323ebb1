/** The two manifests of a package as their bytes say it: what files there are, and under which digests. */
import { readCbor } from './cbor.ts'
import { digestOf } from './digests.ts'

export interface ManifestFile {
  readonly path: string
  /** All that the manifest names the bytes by. */
  readonly digests: readonly string[]
  readonly size: number
}

export interface NativeDocument {
  readonly id: string
  readonly repository: string
  readonly files: readonly ManifestFile[]
}

export interface OciDocument {
  /** Undefined for an index, which has none of its own. */
  readonly layers: readonly OciLayer[] | undefined
  /** Digests that an index lists. */
  readonly children: readonly string[]
  readonly config: { readonly digest: string; readonly size: number } | undefined
  /** `vnd.artifactstore.manifest-digest`. */
  readonly nativeDigest: string | undefined
}

export interface OciLayer {
  readonly digest: string
  readonly size: number
  readonly title: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** Throws an `Error` that says what is wrong with it. */
export function readNativeManifest(bytes: Uint8Array): NativeDocument {
  const manifest = fieldsOf(readCbor(bytes), 'it')
  const facts = fieldsOf(manifest.package, 'its package')
  return {
    id: textOf(facts.id, 'the id'),
    repository: textOf(facts.repository, 'the repository'),
    files: listOf(manifest.files, 'files').map((value) => {
      const file = fieldsOf(value, 'a file')
      return {
        path: textOf(file.relative_path, 'a path'),
        digests: [textOf(file.blake3, 'a blake3 digest'), textOf(file.sha256, 'a sha256 digest')],
        size: sizeOf(file.size),
      }
    }),
  }
}

/** Throws an `Error` that says what is wrong with it. */
export function readOciManifest(bytes: Uint8Array): OciDocument {
  const manifest = fieldsOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), 'it')
  const children = manifest.manifests ?? undefined
  // Artifact manifests call them blobs.
  const layers = manifest.layers ?? manifest.blobs ?? []
  const config = manifest.config ?? undefined
  const annotations = fieldsOf(manifest.annotations ?? {}, 'its annotations')
  const nativeDigest = annotations['vnd.artifactstore.manifest-digest']
  return {
    layers: children === undefined ? listOf(layers, 'layers').map(layerOf) : undefined,
    children: children === undefined ? [] : listOf(children, 'manifests').map((child) => layerOf(child).digest),
    config: config === undefined ? undefined : layerOf(config),
    nativeDigest: typeof nativeDigest === 'string' ? nativeDigest : undefined,
  }
}

/** What the OCI manifest says otherwise than the native one; undefined when both name the same files. */
export function differenceOf(oci: OciDocument, native: NativeDocument, cbor: Uint8Array): string | undefined {
  if (oci.config?.digest !== digestOf('sha256', cbor) || oci.config.size !== cbor.length) {
    return 'its config is not the manifest of the package'
  }
  if (oci.nativeDigest !== digestOf('blake3', cbor)) return 'it names another manifest digest in its annotations'
  const { layers = [] } = oci
  if (layers.length !== native.files.length) {
    return `it has ${layers.length} layers, and the manifest ${native.files.length} files`
  }
  const other = native.files.findIndex(({ path, size, digests }, index) => {
    const layer = layers[index]!
    return layer.title !== path || layer.size !== size || !digests.includes(layer.digest)
  })
  return other < 0 ? undefined : `its layer ${other} is not the file '${native.files[other]!.path}' of the manifest`
}

function layerOf(value: unknown): OciLayer {
  const layer = fieldsOf(value, 'a descriptor')
  const annotations = fieldsOf(layer.annotations ?? {}, 'annotations')
  const title = annotations['org.opencontainers.image.title']
  return {
    digest: textOf(layer.digest, 'a digest'),
    size: sizeOf(layer.size),
    title: typeof title === 'string' ? title : undefined,
  }
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new Error(`${what} is no object`)
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  // Go writes an empty list that was never made as null.
  if (value === null) return []
  throw new Error(`${what} is no list`)
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw new Error(`${what} is no text`)
}

function sizeOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new Error('a size is no whole number')
}
