/**
 * cosign 2 signatures ("simple signing"): the layer is a small JSON payload that names a manifest digest, the signature over
 * its bytes stands in an annotation of the layer. Spec: cosign specs/SIGNATURE_SPEC.md.
 */
import { fromBase64 } from './base64.ts'
import { isObject, type JsonObject, member, readObject, textMember } from './one-reading.ts'
import { quoted, refuse } from './refusal.ts'
import { type SignedSubject, shownDigest } from './subject.ts'
import { type TrustedKey, verifiesWith } from './trusted-keys.ts'
import { type Verdict, verdictByKeys } from './verdict.ts'

const PAYLOAD_TYPES = ['cosign container image signature', 'https://sigstore.dev/cosign/sign/v1']

/** `critical.identity` is ignored, as the specification says: a signature goes with a copy of its package. */
export function checkSimpleSigning(
  payload: Uint8Array,
  signature: { readonly text: string | undefined; readonly isKeyless: boolean },
  against: { readonly subject: SignedSubject; readonly keys: readonly TrustedKey[] },
): Verdict {
  if (signature.text === undefined) return refuse('the layer has no annotation dev.cosignproject.cosign/signature')
  const bytes = fromBase64(signature.text, 'the signature')
  requireImage(payload, against.subject)
  return verdictByKeys(
    { format: 'cosign-simple-signing', kind: 'signature' },
    {
      keys: against.keys,
      ...(signature.isKeyless ? { otherwise: KEYLESS } : {}),
      isMadeBy: (key) => verifiesWith(key, payload, bytes),
    },
  )
}

export const KEYLESS = 'it was made with a certificate (keyless), and certificates are not checked here'

function requireImage(payload: Uint8Array, subject: SignedSubject): void {
  const critical = objectMember(readObject(payload, 'the payload'), 'critical')
  const type = textMember(critical, 'type') ?? ''
  if (!PAYLOAD_TYPES.includes(type)) refuse(`its payload is of type ${quoted(type)}, which is no image signature`)
  // The example of the specification capitalises the name, cosign does not.
  const digest = textMember(objectMember(critical, 'image'), 'docker-manifest-digest') ?? ''
  if ([...subject.digests].some(([algorithm, hex]) => digest === `${algorithm}:${hex}`)) return
  refuse(`it is about ${quoted(digest)}, and this package is ${shownDigest(subject)}`)
}

function objectMember(object: JsonObject, name: string): JsonObject {
  const value = member(object, name)
  return isObject(value) ? value : refuse(`the payload has no '${name}'`)
}
