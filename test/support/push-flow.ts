/**
 * What a client of the registry does in one sitting, told step by step as it is acknowledged: the process that does it
 * is killed somewhere, and the process that looks afterwards must find everything that was said. Bodies come from their
 * seed, so that both make the same.
 */
import type { OpenedRegistry } from '../../src/registry/index.ts'
import { bytesOf, contentOf } from './bytes.ts'
import {
  ACTOR,
  addFile,
  createDraft,
  descriptorOf,
  imageOf,
  path,
  pushBlob,
  putManifest,
  repo,
  sha256Of,
  sha512Of,
} from './registry-steps.ts'

export const FLOW_REPOSITORY = repo('team/app')
const FIRST = 40_000

/** What was acknowledged; `seed` makes the bytes. */
export type Said =
  | {
      readonly what: 'upload'
      readonly id: string
      readonly seed: number
      readonly size: number
      readonly forFile?: true
    }
  | { readonly what: 'blob'; readonly seed: number; readonly digest: string }
  | { readonly what: 'draft'; readonly id: string }
  | { readonly what: 'file'; readonly id: string; readonly packageId: string; readonly seed: number }
  | { readonly what: 'finalized'; readonly id: string; readonly digest: string; readonly face: string }
  | { readonly what: 'manifest'; readonly tag: string; readonly digest: string; readonly seed: number }
  | { readonly what: 'ref'; readonly ref: string; readonly seed: number }

export function bodyOf(seed: number): Buffer {
  return bytesOf(90_000 + seed, seed)
}

export function imageOfSeed(seed: number): Buffer {
  return imageOf({ layers: [descriptorOf(bodyOf(seed), 'layer.bin')], annotations: { seed: String(seed) } })
}

export async function pushFlow(registry: OpenedRegistry, round: number, say: (said: Said) => void): Promise<void> {
  const store = { registry }
  const seed = round * 10
  await uploadInPieces(registry, seed, say)
  const bytes = bodyOf(seed + 1)
  await pushBlob(store, FLOW_REPOSITORY, bytes, sha512Of(bytes))
  say({ what: 'blob', seed: seed + 1, digest: sha512Of(bytes) })
  const draft = await createDraft(store, { idempotencyKey: `round ${round}` })
  say({ what: 'draft', id: draft.id })
  const file = await addFile(store, draft.id, 'a.bin', bodyOf(seed + 2))
  say({ what: 'file', id: file.id, packageId: draft.id, seed: seed + 2 })
  await uploadAsFile(registry, draft.id, seed + 3, say)
  const { package: done, manifestDigest } = await registry.packages.finalize(draft.id, { actor: ACTOR })
  say({ what: 'finalized', id: done.id, digest: manifestDigest, face: done.oci!.digest })
  const { digest } = await putManifest(store, FLOW_REPOSITORY, imageOfSeed(seed), `v${round}`)
  say({ what: 'manifest', tag: `v${round}`, digest, seed })
  await registry.refs.put(`round/${round}`, bodyOf(seed + 4), Buffer.from('manifest'))
  say({ what: 'ref', ref: `round/${round}`, seed: seed + 4 })
}

async function uploadInPieces(registry: OpenedRegistry, seed: number, say: (said: Said) => void): Promise<void> {
  const bytes = bodyOf(seed)
  const { id } = await registry.uploads.begin({ repository: FLOW_REPOSITORY, actor: ACTOR })
  const key = { id, repository: FLOW_REPOSITORY, actor: ACTOR }
  say({ what: 'upload', id, seed, size: 0 })
  const { size } = await registry.uploads.append(key, contentOf(bytes.subarray(0, FIRST)))
  say({ what: 'upload', id, seed, size })
  await registry.uploads.complete(key, sha256Of(bytes), { content: contentOf(bytes.subarray(size)), at: size })
  say({ what: 'blob', seed, digest: sha256Of(bytes) })
}

async function uploadAsFile(
  registry: OpenedRegistry,
  packageId: string,
  seed: number,
  say: (said: Said) => void,
): Promise<void> {
  const { id } = await registry.uploads.begin({ actor: ACTOR })
  const key = { id, actor: ACTOR }
  const { size } = await registry.uploads.append(key, contentOf(bodyOf(seed)))
  say({ what: 'upload', id, seed, size, forFile: true })
  const name = { path: path('b.bin'), mediaType: 'application/octet-stream', actor: ACTOR }
  const file = await registry.uploads.completeAsFile(key, packageId, name, { size })
  say({ what: 'file', id: file.id, packageId, seed })
}
