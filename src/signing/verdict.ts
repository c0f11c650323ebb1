/** What is said about one signature. Exactly three words, and a reason for the two that are not `valid`. */
import type { TrustedKey } from './trusted-keys.ts'

export const VERDICTS = ['valid', 'invalid', 'unknown-key'] as const
export type VerdictWord = (typeof VERDICTS)[number]

/** A signature says that its maker stands for the package; an attestation says something about it (its predicate). */
export const SIGNED_KINDS = ['signature', 'attestation'] as const
export type SignedKind = (typeof SIGNED_KINDS)[number]

export const SIGNATURE_FORMATS = ['sigstore-bundle', 'cosign-simple-signing', 'dsse-envelope'] as const
export type SignatureFormat = (typeof SIGNATURE_FORMATS)[number]

export interface Verdict {
  /**
   * `valid`: one of the keys made it, over exactly this package. `invalid`: it is broken, over something else, or not what
   * the key that it names has signed. `unknown-key`: none of the keys made it.
   */
  readonly verdict: VerdictWord
  readonly format: SignatureFormat
  /** As signed where `valid`; else as the bytes claim. */
  readonly kind: SignedKind
  /** Of an in-toto statement; as signed where `valid`, else as the bytes claim. */
  readonly predicateType?: string
  /** The name of the key that made it, or, of an invalid one, of the key that it names. */
  readonly key?: string
  /** Absent where `valid`. */
  readonly reason?: string
}

/** What a signature says of itself, before it is known who made it. */
export interface Claim {
  readonly format: SignatureFormat
  readonly kind: SignedKind
  readonly predicateType?: string
}

const NOT_BY_THESE = 'none of the known keys made it: another key did, or it was changed since'

/**
 * Looks for the key that made it. `hint` names one, if the format has hints: a signature that names a known key and is
 * not by it was tampered with, while one without a hint cannot be told from a stranger's.
 */
export function verdictByKeys(
  claim: Claim,
  by: {
    readonly keys: readonly TrustedKey[]
    readonly hint?: string
    /** What to say instead of "another key", where more is known. */
    readonly otherwise?: string
    readonly isMadeBy: (key: TrustedKey) => boolean
  },
): Verdict {
  const maker = by.keys.find(by.isMadeBy)
  if (maker) return { verdict: 'valid', ...claim, key: maker.name }
  const named = by.hint ? by.keys.find(({ hint }) => hint === by.hint) : undefined
  if (named) {
    const reason = 'it names this key, and the key has not signed these bytes: they were changed'
    return { verdict: 'invalid', ...claim, key: named.name, reason }
  }
  return { verdict: 'unknown-key', ...claim, reason: by.otherwise ?? NOT_BY_THESE }
}
