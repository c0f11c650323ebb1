/**
 * The signatures and attestations of a package, judged here. The server says where they are; what they are and who made
 * them is computed from their bytes, the bytes of the signed manifest, and the keys that were given.
 */
import { LIMITS, paths, type ReferrerJson, type ReferrerPageJson } from '../../native-api/wire.ts'
import {
  checkSignature,
  SIGNATURE_LIMITS,
  type SignaturePart,
  type SignedSubject,
  signaturesIn,
  type TrustedKey,
  type Verdict,
} from '../../signing/index.ts'
import { allPages } from '../all-pages.ts'
import { type ApiClient, ApiError } from '../api-client.ts'
import { CliError } from '../failure.ts'
import { listFiles } from '../package-files.ts'
import { digestOf, isCheckable } from './digests.ts'
import { absenceOf, receiveBytes } from './receive.ts'

/** `not-checked`: no key was given, or it is one of too many or too large ones. */
export interface FoundSignature {
  readonly kind: 'signature' | 'attestation'
  readonly verdict: Verdict['verdict'] | 'not-checked'
  readonly key: string | null
  readonly format: Verdict['format'] | null
  readonly predicateType: string | null
  readonly reason: string | null
  /** Of the manifest that holds it. */
  readonly digest: string
  readonly layer: string | null
}

const MANIFEST_LIMIT = 4 * 1024 * 1024

/** All that refers to the package, in the server's words. */
export function listReferrers(api: ApiClient, packageId: string): Promise<readonly ReferrerJson[]> {
  // The server checks the signatures of a page before it answers: its own size, not the largest.
  const listing = { path: paths.referrers(packageId), limit: LIMITS.pageDefault }
  return allPages(api, listing, ({ referrers }: ReferrerPageJson) => referrers)
}

export function isSignature(referrer: ReferrerJson): referrer is ReferrerJson & { kind: 'signature' | 'attestation' } {
  return referrer.kind === 'signature' || referrer.kind === 'attestation'
}

/** Without keys, what there is; with keys, what it is worth. */
export async function checkSignatures(
  api: ApiClient,
  referrers: readonly ReferrerJson[],
  against: { readonly subject: SignedSubject; readonly keys: readonly TrustedKey[] },
): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = []
  for (const referrer of referrers.filter(isSignature)) {
    if (against.keys.length > 0) found.push(...(await checkReferrer(api, referrer, against)))
    else found.push(notChecked(referrer, 'no key was given'))
  }
  return found
}

function notChecked(referrer: ReferrerJson & { kind: FoundSignature['kind'] }, reason: string): FoundSignature {
  const { kind, digest } = referrer
  return { kind, verdict: 'not-checked', key: null, format: null, predicateType: null, reason, digest, layer: null }
}

async function checkReferrer(
  api: ApiClient,
  referrer: ReferrerJson & { kind: FoundSignature['kind'] },
  against: { readonly subject: SignedSubject; readonly keys: readonly TrustedKey[] },
): Promise<FoundSignature[]> {
  const { digest, package_id: packageId } = referrer
  const manifest = await receiveBytes(api, paths.ociManifest(packageId), { limit: MANIFEST_LIMIT })
  if (!isCheckable(digest) || digestOf(digest.slice(0, digest.indexOf(':')), manifest) !== digest) {
    const reason = 'its manifest is not what its digest says'
    return [{ ...notChecked(referrer, reason), verdict: 'invalid' }]
  }
  const { parts, uncheckedReason } = signaturesIn(manifest)
  const files = parts.length === 0 ? [] : await listFiles(api, packageId)
  const found: FoundSignature[] = []
  for (const part of parts) {
    const file = files.find((each) => each.digest === part.digest)
    const layer = file && (await receiveLayer(api, paths.fileDownload(file.id)))
    found.push({ ...foundOf(checkSignature(part, layer, against), part), digest })
  }
  if (uncheckedReason !== undefined) found.push(notChecked(referrer, uncheckedReason))
  return found
}

function foundOf(verdict: Verdict, part: SignaturePart): Omit<FoundSignature, 'digest'> {
  return {
    kind: verdict.kind,
    verdict: verdict.verdict,
    key: verdict.key ?? null,
    format: verdict.format,
    predicateType: verdict.predicateType ?? null,
    reason: verdict.reason ?? null,
    layer: part.digest,
  }
}

/** Undefined when the server has no bytes for it, or more than any signature has. */
async function receiveLayer(api: ApiClient, path: string): Promise<Uint8Array | undefined> {
  try {
    return await receiveBytes(api, path, { limit: SIGNATURE_LIMITS.layerBytes })
  } catch (error) {
    const isTooMuch =
      error instanceof CliError && !(error instanceof ApiError) && error.failure.code === 'content-mismatch'
    if (isTooMuch || absenceOf(error) !== undefined) return undefined
    throw error
  }
}
