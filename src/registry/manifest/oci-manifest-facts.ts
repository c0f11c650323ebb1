/**
 * What an OCI manifest says about the package that it is: an OCI push names no producer, subject or paths, so they follow
 * from its repository, annotations and layers. The same table stands in `docs/architecture.md`.
 */
import { type Digest, parseDigest } from '../../storage/index.ts'
import { pathKey, pathProblem, type RelativePath, type RepositoryName } from '../names.ts'
import type { Metadata } from '../registry.ts'
import { ANNOTATION, OCI_SOURCE, OCI_TITLE } from './media-types.ts'
import type { OciDescriptor, ParsedManifest } from './oci-manifest.ts'

export interface PackageFacts {
  readonly producer: string
  readonly name: string
  readonly subject: string
  readonly metadata: Metadata
  /** As the pusher named it, known or not. */
  readonly retentionClass: string
}

export interface ManifestFile {
  readonly path: RelativePath
  readonly mediaType: string
  readonly size: number
  /** As the manifest names it; of an algorithm that is not stored here where that is what it names. */
  readonly digest: Digest | string
  /** Index of the layer. */
  readonly position: number
  readonly mode?: number
}

/** `defaultClass` applies where the manifest names none. */
export function packageFactsOf(
  repository: RepositoryName,
  manifest: ParsedManifest,
  defaultClass: string,
): PackageFacts {
  const slash = repository.indexOf('/')
  const { annotations = {} } = manifest
  return {
    producer: slash < 0 ? repository : repository.slice(0, slash),
    name: slash < 0 ? repository : repository.slice(slash + 1),
    subject: subjectOf(annotations[ANNOTATION.subject]) ?? subjectOf(annotations[OCI_SOURCE]) ?? repository,
    metadata: annotations,
    retentionClass: annotations[ANNOTATION.retentionClass] || defaultClass,
  }
}

/** As long as a native package's may be: subjects are indexed, and no annotation is a reason to refuse a push. */
const SUBJECT_LIMIT = 255

function subjectOf(annotation: string | undefined): string | undefined {
  return annotation && annotation.length <= SUBJECT_LIMIT ? annotation : undefined
}

/**
 * One file for each layer. Its path is the title annotation where that is a path and not taken, else its digest, with
 * the layer's index where that is taken too: no title is a reason to refuse a push (core-rules 19).
 */
export function filesOf(manifest: ParsedManifest): readonly ManifestFile[] {
  const taken = new Set<string>()
  return manifest.layers.map((layer, position) => {
    const path = freePath(layer, position, taken)
    taken.add(pathKey(path))
    const mode = modeOf(layer)
    return {
      path,
      mediaType: layer.mediaType,
      size: layer.size,
      digest: parseDigest(layer.digest) ?? layer.digest,
      position,
      ...(mode === undefined ? {} : { mode }),
    }
  })
}

function freePath(layer: OciDescriptor, position: number, taken: ReadonlySet<string>): RelativePath {
  const isFree = (path: string) => !taken.has(pathKey(path as RelativePath))
  const title = layer.annotations?.[OCI_TITLE]
  if (title !== undefined && pathProblem(title) === undefined && isFree(title)) return title as RelativePath
  // A digest of a foreign algorithm can be too long for a path, or look like a drive letter.
  let path = pathProblem(layer.digest) === undefined ? layer.digest : `unnamed-${position}`
  // Another layer's title may be what we would choose; each turn makes it longer, so this ends.
  while (!isFree(path)) path = `${path}-${position}`
  return path as RelativePath
}

function modeOf(layer: OciDescriptor): number | undefined {
  const text = layer.annotations?.[ANNOTATION.mode]
  return text !== undefined && /^[0-7]{3,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777
    ? Number.parseInt(text, 8)
    : undefined
}
