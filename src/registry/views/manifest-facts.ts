/** What several views read from the same manifest bytes: parsed once for each event. */
import type { EventPayloads } from '../events/event.ts'
import { type ParsedManifest, parseManifest } from '../manifest/oci-manifest.ts'
import { filesOf, type ManifestFile, type PackageFacts, packageFactsOf } from '../manifest/oci-manifest-facts.ts'
import { parseRepositoryName } from '../names.ts'

export interface ManifestFacts {
  readonly parsed: ParsedManifest
  readonly files: readonly ManifestFile[]
  readonly package: PackageFacts
}

const known = new WeakMap<EventPayloads['v1.manifest.put'], ManifestFacts>()

export function manifestFacts(payload: EventPayloads['v1.manifest.put']): ManifestFacts {
  let facts = known.get(payload)
  if (!facts) {
    const parsed = parseManifest(payload.bytes, payload.media_type)
    const repository = parseRepositoryName(payload.repository)
    facts = {
      parsed,
      files: filesOf(parsed),
      package: packageFactsOf(repository, parsed, payload.retention_class),
    }
    known.set(payload, facts)
  }
  return facts
}
