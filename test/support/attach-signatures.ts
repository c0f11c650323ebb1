/** Signatures put where cosign puts them: pushed through the registry like any client's. */
import type { Registry } from '../../src/registry/index.ts'
import { pushBlob, putManifest } from './registry-steps.ts'
import {
  bundleManifest,
  ENVELOPE_TYPE,
  envelopeOf,
  hexOf,
  type SignatureLayer,
  type Signer,
  signatureManifest,
  signedBundle,
  simpleLayer,
  simplePayload,
  statementOf,
} from './signatures.ts'

type Store = Parameters<typeof pushBlob>[0]

/** The signed package: its repository and the bytes of its OCI manifest. */
export interface Signed {
  readonly repository: string
  readonly manifest: Uint8Array
}

export async function signedPackage(registry: Registry, packageId: string): Promise<Signed> {
  const { repository } = await registry.packages.get(packageId)
  return { repository, manifest: (await registry.packages.ociManifest(packageId)).bytes }
}

/** As cosign 3 signs, or attests with another predicate type. */
export async function attachBundle(
  store: Store,
  { repository, manifest }: Signed,
  options: { signer: Signer; predicateType?: string; bundle?: Uint8Array },
) {
  const bundle = options.bundle ?? signedBundle(options.signer, manifest, options.predicateType)
  await pushBlob(store, repository, bundle)
  return putReferrer(store, repository, bundleManifest(manifest, bundle, options.predicateType))
}

/** As cosign 2 signs: each signature a layer of the one manifest under the tag. */
export async function attachSimple(
  store: Store,
  { repository, manifest }: Signed,
  options: { signers: readonly Signer[]; about?: Uint8Array },
) {
  const payload = simplePayload(`sha256:${hexOf(options.about ?? manifest)}`)
  const layers = options.signers.map((signer) => simpleLayer(signer, payload))
  return tagged(store, repository, layers, `sha256-${hexOf(manifest)}.sig`)
}

/** As cosign 2 attests. */
export async function attachEnvelope(
  store: Store,
  { repository, manifest }: Signed,
  options: { signer: Signer; predicateType: string },
) {
  const envelope = envelopeOf(options.signer, statementOf(manifest, options.predicateType))
  const layer = { mediaType: ENVELOPE_TYPE, bytes: Buffer.from(JSON.stringify(envelope)) }
  return tagged(store, repository, [layer], `sha256-${hexOf(manifest)}.att`)
}

async function tagged(store: Store, repository: string, layers: readonly SignatureLayer[], tag: string) {
  for (const { bytes } of layers) await pushBlob(store, repository, bytes)
  const manifest = signatureManifest(layers)
  await pushConfig(store, repository)
  return putManifest(store, repository, manifest, tag)
}

async function putReferrer(store: Store, repository: string, manifest: Uint8Array) {
  await pushConfig(store, repository)
  return putManifest(store, repository, manifest)
}

function pushConfig(store: Store, repository: string) {
  return pushBlob(store, repository, Buffer.from('{}'))
}
