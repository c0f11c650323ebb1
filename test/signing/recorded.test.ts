import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkSignature,
  readTrustedKeys,
  signaturesIn,
  subjectOf,
  VERDICTS,
  type Verdict,
} from '../../src/signing/index.ts'
import { makeSigner } from '../support/signatures.ts'
import { recordedSignatures } from './recorded.ts'

const OTHER = makeSigner('other')

describe.each([2, 3] as const)('what cosign %i wrote', (version) => {
  const recorded = recordedSignatures(version)
  const keys = readTrustedKeys(Buffer.from(recorded.key), 'release')
  const subject = subjectOf(Buffer.from(recorded.subject))
  const signatures = recorded.referrers.flatMap(({ manifest, layers }) =>
    signaturesIn(Buffer.from(manifest)).parts.map((part) => ({ part, layer: Buffer.from(layers[part.digest]!) })),
  )
  const verdicts = (against: Parameters<typeof checkSignature>[2]): Verdict[] =>
    signatures.map(({ part, layer }) => checkSignature(part, layer, against))
  const summary = (all: Verdict[]): string[] =>
    all.map(({ verdict, kind, key = '' }) => `${verdict} ${kind} ${key}`).sort()

  it('another key has made none of it', () => {
    expect(verdicts({ subject, keys: [OTHER.trusted] }).map(({ verdict }) => verdict)).toEqual(
      Array(3).fill('unknown-key'),
    )
  })

  it('is about no other package, whatever one byte of it is', () => {
    const bytes = Buffer.from(recorded.subject.replace('"size":', '"size": '))
    const moved = verdicts({ subject: subjectOf(bytes), keys })
    expect(moved.map(({ verdict }) => verdict)).toEqual(Array(3).fill('invalid'))
  })

  it('changed anywhere gets a verdict, never an exception, and never says other things than were signed', () => {
    const change = fc.record({ which: fc.nat(2), at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() })
    fc.assert(
      fc.property(change, ({ which, at, byte, cut }) => {
        const { part, layer } = signatures[which]!
        const bytes = Buffer.from(cut ? layer.subarray(0, at % layer.length) : layer)
        if (!cut) bytes[at % layer.length] = byte
        // As a forger would: with a manifest that fits the changed bytes.
        const digest = `sha256:${subjectOf(bytes).digests.get('sha256')}`
        const before = checkSignature(part, layer, { subject, keys })
        const after = checkSignature({ ...part, digest, size: bytes.length }, bytes, { subject, keys })
        expect(VERDICTS).toContain(after.verdict)
        if (after.verdict === 'valid') expect(after).toEqual(before)
      }),
      { numRuns: 2_000, seed: 4 },
    )
  })

  it('is valid where the key has signed it, and of an unknown key where another has', () => {
    expect(summary(verdicts({ subject, keys: [OTHER.trusted, ...keys] }))).toEqual([
      'unknown-key signature ',
      'valid attestation release',
      'valid signature release',
    ])
    const attestation = verdicts({ subject, keys }).find(({ kind }) => kind === 'attestation')
    expect(attestation).toMatchObject({ predicateType: recorded.predicateType })
  })
})
