/** Bare DSSE envelopes, as cosign 2 stores attestations: `application/vnd.dsse.envelope.v1+json`. */
import { fromBase64 } from './base64.ts'
import { kindOfPredicate, readStatement, requireSubject } from './in-toto.ts'
import { isObject, type Json, member, readObject, textMember } from './one-reading.ts'
import { refuse } from './refusal.ts'
import { KEYLESS } from './simple-signing.ts'
import type { SignedSubject } from './subject.ts'
import { type TrustedKey, verifiesWith } from './trusted-keys.ts'
import { type Verdict, verdictByKeys } from './verdict.ts'

export function checkEnvelope(
  layer: Uint8Array,
  signature: { readonly isKeyless: boolean },
  against: { readonly subject: SignedSubject; readonly keys: readonly TrustedKey[] },
): Verdict {
  const envelope = readObject(layer, 'the envelope')
  const payloadType = textMember(envelope, 'payloadType') ?? ''
  const payload = fromBase64(textMember(envelope, 'payload') ?? '', 'the payload')
  const only = onlySignature(member(envelope, 'signatures'))
  const statement = readStatement(payloadType, payload)
  requireSubject(statement, against.subject)
  const message = preAuthEncoding(payloadType, payload)
  const { predicateType } = statement
  return verdictByKeys(
    { format: 'dsse-envelope', kind: kindOfPredicate(predicateType), predicateType },
    {
      keys: against.keys,
      ...(only.keyId === '' ? {} : { hint: only.keyId }),
      ...(signature.isKeyless ? { otherwise: KEYLESS } : {}),
      isMadeBy: (key) => verifiesWith(key, message, only.bytes),
    },
  )
}

/** DSSE protocol.md, "PAE": what is signed instead of the payload, so that nothing signed can be taken for something else. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}

/** With several, which of them a verdict is about could not be said. */
function onlySignature(signatures: Json | undefined): { keyId: string; bytes: Buffer } {
  if (!Array.isArray(signatures) || signatures.length !== 1) return refuse('the envelope has not exactly one signature')
  const signature = signatures[0] as Json
  if (!isObject(signature)) return refuse('the envelope has a signature that is no object')
  const bytes = fromBase64(textMember(signature, 'sig') ?? '', 'the signature')
  return { keyId: textMember(signature, 'keyid') ?? '', bytes }
}
