/**
 * in-toto statements: what DSSE envelopes carry. The SDK checks who signed the envelope and not what it is about, so the
 * comparison of the statement's subject with the package is ours.
 */
import { isObject, type Json, member, readObject, textMember } from './one-reading.ts'
import { quoted, refuse } from './refusal.ts'
import { type SignedSubject, shownDigest } from './subject.ts'
import type { SignedKind } from './verdict.ts'

export const IN_TOTO_PAYLOAD = 'application/vnd.in-toto+json'
/** The predicate of a plain cosign 3 signature. */
export const COSIGN_SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1'

const STATEMENT_TYPES = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']
const PREDICATE_TYPE_LIMIT = 1_024

export interface Statement {
  readonly predicateType: string
  /** Digests by algorithm, of each subject. */
  readonly subjects: readonly ReadonlyMap<string, string>[]
}

export function kindOfPredicate(predicateType: string): SignedKind {
  return predicateType === COSIGN_SIGN_PREDICATE ? 'signature' : 'attestation'
}

export function readStatement(payloadType: string, payload: Uint8Array): Statement {
  if (payloadType !== IN_TOTO_PAYLOAD) refuse(`its payload is of type ${quoted(payloadType)}, not ${IN_TOTO_PAYLOAD}`)
  const statement = readObject(payload, 'the statement', 'predicate')
  const type = textMember(statement, '_type') ?? ''
  if (!STATEMENT_TYPES.includes(type)) refuse(`its payload is ${quoted(type)} and no in-toto statement`)
  const predicateType = textMember(statement, 'predicateType') ?? ''
  if (predicateType === '' || predicateType.length > PREDICATE_TYPE_LIMIT) refuse('the statement has no predicate type')
  const subjects = member(statement, 'subject')
  if (!Array.isArray(subjects) || subjects.length === 0) return refuse('the statement has no subject')
  return { predicateType, subjects: (subjects as readonly Json[]).map(digestsOf) }
}

function digestsOf(subject: Json): ReadonlyMap<string, string> {
  const digest = isObject(subject) ? member(subject, 'digest') : undefined
  if (!isObject(digest)) return refuse('a subject of the statement has no digest')
  return new Map(
    Object.entries(digest).map(([algorithm, hex]) => [
      algorithm,
      typeof hex === 'string' ? hex : refuse('a subject of the statement has a digest that is no text'),
    ]),
  )
}

/**
 * One subject must be the package. Of the digests that it names, all that can be computed here must agree: one right among
 * wrong ones would let each reader choose.
 */
export function requireSubject(statement: Statement, subject: SignedSubject): void {
  const isPackage = statement.subjects.some((named) => {
    const known = [...named].filter(([algorithm]) => subject.digests.has(algorithm))
    return known.length > 0 && known.every(([algorithm, hex]) => subject.digests.get(algorithm) === hex)
  })
  if (isPackage) return
  const [first] = statement.subjects.flatMap((named) => [...named].map(([algorithm, hex]) => `${algorithm}:${hex}`))
  refuse(`it is about ${quoted(first ?? 'nothing')}, and this package is ${shownDigest(subject)}`)
}
