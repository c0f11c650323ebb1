/** One signature, checked: bytes in, a verdict out, whatever the bytes are. */
import { createHash } from 'node:crypto'
import { checkBundle } from './bundle.ts'
import { checkEnvelope } from './dsse.ts'
import { Refusal, refuse } from './refusal.ts'
import { SIGNATURE_LIMITS, type SignaturePart } from './signature-manifest.ts'
import { checkSimpleSigning } from './simple-signing.ts'
import type { SignedSubject } from './subject.ts'
import type { TrustedKey } from './trusted-keys.ts'
import type { Verdict } from './verdict.ts'

/**
 * `layer` are the bytes that the part names; undefined when they cannot be had, which is no signature either. Never throws:
 * what cannot be read is `invalid`, with the reason.
 */
export function checkSignature(
  part: SignaturePart,
  layer: Uint8Array | undefined,
  against: { readonly subject: SignedSubject; readonly keys: readonly TrustedKey[] },
): Verdict {
  const { format, kind } = part
  try {
    if (layer === undefined) refuse('its bytes are missing or damaged')
    requireLayer(part, layer)
    if (format === 'sigstore-bundle') return checkBundle(layer, against)
    if (format === 'dsse-envelope') return checkEnvelope(layer, part, against)
    return checkSimpleSigning(layer, { text: part.signature, isKeyless: part.isKeyless }, against)
  } catch (error) {
    const reason = error instanceof Refusal ? error.message : 'it cannot be read'
    return { verdict: 'invalid', format, kind, reason }
  }
}

/** Before anything is parsed: the manifest says what its layer is. */
function requireLayer({ digest, size }: SignaturePart, layer: Uint8Array): void {
  if (layer.length > SIGNATURE_LIMITS.layerBytes) refuse(`it is larger than ${SIGNATURE_LIMITS.layerBytes} bytes`)
  const [algorithm = ''] = digest.split(':', 1)
  // BLAKE3 is the caller's to check: whoever stores bytes under it can compute it.
  if (algorithm === 'blake3' ? layer.length === size : digest === digestWith(algorithm, layer)) return
  refuse('its bytes are not those that its manifest names: they were changed')
}

function digestWith(algorithm: string, bytes: Uint8Array): string {
  if (algorithm !== 'sha256' && algorithm !== 'sha512')
    refuse('its manifest names it by a digest that is not known here')
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}
