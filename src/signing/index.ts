/** Signatures, checked: bytes and keys in, verdicts out. Knows no store, no network and no clock. */
export { checkSignature } from './check.ts'
export { COSIGN_SIGN_PREDICATE } from './in-toto.ts'
export {
  REFERRER_KINDS,
  type ReferrerKind,
  SIGNATURE_LIMITS,
  type SignatureManifest,
  type SignaturePart,
  signaturesIn,
} from './signature-manifest.ts'
export { type SignedSubject, subjectOf } from './subject.ts'
export { readTrustedKeys, type TrustedKey, TrustedKeyError } from './trusted-keys.ts'
export {
  SIGNATURE_FORMATS,
  SIGNED_KINDS,
  type SignatureFormat,
  type SignedKind,
  VERDICTS,
  type Verdict,
  type VerdictWord,
} from './verdict.ts'
