import { describe, expect, it } from 'vitest'
import { checkSignature, signaturesIn } from '../../src/signing/index.ts'
import {
  bundleManifest,
  bundleOf,
  COSIGN_PREDICATE,
  envelopeOf,
  hexOf,
  makeSigner,
  type SignerKind,
  signatureManifest,
  signedBundle,
  simpleLayer,
  simplePayload,
  statementOf,
} from '../support/signatures.ts'
import {
  KEYS,
  message,
  night,
  OTHER_PACKAGE,
  ofBundle,
  ofEnvelope,
  ofStatement,
  PACKAGE,
  release,
  SUBJECT,
  stranger,
  verdicts,
} from './checks.ts'

describe('a signature over something else is invalid, whoever made it', () => {
  it('a bundle, an envelope and a simple signing payload about another package', () => {
    for (const verdict of [
      ofBundle(signedBundle(release, OTHER_PACKAGE)),
      ofEnvelope(envelopeOf(release, statementOf(OTHER_PACKAGE, 'https://example.org/p'))),
      verdicts([simpleLayer(release, simplePayload(`sha256:${hexOf(OTHER_PACKAGE)}`))])[0]!,
      ofBundle(
        bundleOf(release, message(release, Buffer.from(hexOf(OTHER_PACKAGE), 'hex'), 'SHA2_256', OTHER_PACKAGE)),
      ),
    ]) {
      expect(verdict).toMatchObject({
        verdict: 'invalid',
        reason: expect.stringMatching(/^it is about .* this package is sha256:/),
      })
    }
  })

  it('a subject with one right digest among wrong ones', () => {
    const statement = JSON.parse(statementOf(PACKAGE)) as { subject: { digest: Record<string, string> }[] }
    statement.subject[0]!.digest.sha512 = hexOf(OTHER_PACKAGE, 'sha512')
    expect(ofStatement(JSON.stringify(statement))).toMatchObject({ verdict: 'invalid' })
    statement.subject[0]!.digest.sha512 = hexOf(PACKAGE, 'sha512')
    expect(ofStatement(JSON.stringify(statement))).toMatchObject({ verdict: 'valid' })
  })

  it('a subject in upper case, of an unknown algorithm, without a digest, with none at all', () => {
    const withSubject = (subject: unknown) =>
      ofStatement(JSON.stringify({ ...(JSON.parse(statementOf(PACKAGE)) as object), subject }))
    for (const subject of [
      [{ digest: { sha256: hexOf(PACKAGE).toUpperCase() } }],
      [{ digest: { gitCommit: hexOf(PACKAGE) } }],
      [{ digest: { sha256: 1 } }],
      [{ digest: {} }],
      [{ name: 'x' }],
      ['x'],
      [],
      {},
      null,
    ]) {
      expect(withSubject(subject), JSON.stringify(subject)).toMatchObject({ verdict: 'invalid' })
    }
    expect(withSubject([{ digest: { sha256: 'aa' } }, { digest: { sha256: hexOf(PACKAGE) } }])).toMatchObject({
      verdict: 'valid',
    })
  })
})

describe('what was changed after signing', () => {
  it('a bundle whose payload was changed is invalid, since it names a known key', () => {
    const bundle = JSON.parse(signedBundle(release, PACKAGE).toString()) as { dsseEnvelope: { payload: string } }
    const changed = statementOf(PACKAGE, COSIGN_PREDICATE, { added: true })
    bundle.dsseEnvelope.payload = Buffer.from(changed).toString('base64')
    expect(ofBundle(bundle)).toMatchObject({
      verdict: 'invalid',
      key: 'release',
      reason: expect.stringContaining('changed'),
    })
  })

  it('every flipped bit of a signed bundle is noticed', () => {
    const good = signedBundle(release, PACKAGE)
    expect(ofBundle(good)).toMatchObject({ verdict: 'valid' })
    const payload = { at: good.indexOf('"payload":"') + 11, to: good.indexOf('","signatures"') }
    const sig = { at: good.indexOf('"sig":"') + 7, to: good.indexOf('"}]') }
    for (const { at, to } of [payload, sig]) {
      for (let index = at; index < to; index += 1) {
        const bad = Buffer.from(good)
        bad[index] = good[index] === 0x41 ? 0x42 : 0x41
        // The last characters of base64 can spell the same bytes.
        if (
          Buffer.from(bad.subarray(at, to).toString(), 'base64').equals(
            Buffer.from(good.subarray(at, to).toString(), 'base64'),
          )
        )
          continue
        expect(ofBundle(bad).verdict, `byte ${index}`).not.toBe('valid')
      }
    }
  })

  it('a layer whose bytes are not those that its manifest names is invalid before it is read', () => {
    const layer = simpleLayer(release, simplePayload(`sha256:${hexOf(PACKAGE)}`))
    const [part] = signaturesIn(signatureManifest([layer])).parts
    const verdict = checkSignature(part!, Buffer.concat([layer.bytes, Buffer.from(' ')]), {
      subject: SUBJECT,
      keys: KEYS,
    })
    expect(verdict).toMatchObject({ verdict: 'invalid', reason: expect.stringContaining('they were changed') })
  })

  it('a layer without bytes is invalid', () => {
    const [part] = signaturesIn(bundleManifest(PACKAGE, Buffer.from('x'))).parts
    expect(checkSignature(part!, undefined, { subject: SUBJECT, keys: KEYS })).toEqual({
      verdict: 'invalid',
      format: 'sigstore-bundle',
      kind: 'signature',
      reason: 'its bytes are missing or damaged',
    })
  })

  it('a format without hints cannot tell a changed payload from a stranger, and says so', () => {
    const signed = simplePayload(`sha256:${hexOf(PACKAGE)}`)
    const changed = simplePayload(`sha256:${hexOf(PACKAGE)}`, { identity: { 'docker-reference': 'evil.example/site' } })
    const layer = { ...simpleLayer(release, signed), bytes: changed }
    expect(verdicts([layer])).toEqual([
      {
        verdict: 'unknown-key',
        format: 'cosign-simple-signing',
        kind: 'signature',
        reason: 'none of the known keys made it: another key did, or it was changed since',
      },
    ])
  })
})

describe('what nobody trusted here made is of an unknown key', () => {
  it('another key, in every format', () => {
    const payload = simplePayload(`sha256:${hexOf(PACKAGE)}`)
    expect(ofBundle(signedBundle(stranger, PACKAGE))).toMatchObject({ verdict: 'unknown-key', kind: 'signature' })
    expect(ofEnvelope(envelopeOf(stranger, statementOf(PACKAGE, 'https://example.org/p')))).toMatchObject({
      verdict: 'unknown-key',
      predicateType: 'https://example.org/p',
    })
    expect(verdicts([simpleLayer(stranger, payload)])).toMatchObject([{ verdict: 'unknown-key' }])
    expect(ofBundle(signedBundle(release, PACKAGE), [])).toMatchObject({ verdict: 'unknown-key' })
  })

  it('a certificate, whatever it says', () => {
    const certificate = { rawBytes: Buffer.from('not looked at').toString('base64') }
    const keyless = {
      ...bundleOf(release, { dsseEnvelope: envelopeOf(release, statementOf(PACKAGE)) }),
      verificationMaterial: { certificate },
    }
    expect(ofBundle(keyless)).toMatchObject({ verdict: 'unknown-key', reason: expect.stringContaining('keyless') })
    const layer = simpleLayer(stranger, simplePayload(`sha256:${hexOf(PACKAGE)}`), {
      'dev.sigstore.cosign/certificate': 'PEM',
    })
    expect(verdicts([layer])).toMatchObject([{ verdict: 'unknown-key', reason: expect.stringContaining('keyless') }])
  })
})

describe('a valid signature', () => {
  const kinds: SignerKind[] = ['P-256', 'P-384', 'RSA', 'Ed25519']

  it.each(kinds)('by a %s key is one in every format', (kind) => {
    const signer = makeSigner(`k-${kind}`, kind)
    const keys = [stranger.trusted, signer.trusted]
    const key = signer.name
    const bundle = { verdict: 'valid', format: 'sigstore-bundle', key }
    expect(ofBundle(signedBundle(signer, PACKAGE), keys)).toEqual({
      ...bundle,
      kind: 'signature',
      predicateType: COSIGN_PREDICATE,
    })
    const provenance = 'https://slsa.dev/provenance/v1'
    expect(ofBundle(signedBundle(signer, PACKAGE, provenance), keys)).toEqual({
      ...bundle,
      kind: 'attestation',
      predicateType: provenance,
    })
    const digest = Buffer.from(hexOf(PACKAGE), 'hex')
    expect(ofBundle(bundleOf(signer, message(signer, digest)), keys)).toEqual({ ...bundle, kind: 'signature' })
    expect(ofEnvelope(envelopeOf(signer, statementOf(PACKAGE, provenance)), keys)).toMatchObject({
      verdict: 'valid',
      format: 'dsse-envelope',
      kind: 'attestation',
      key,
    })
    expect(verdicts([simpleLayer(signer, simplePayload(`sha256:${hexOf(PACKAGE)}`))], keys)).toEqual([
      { verdict: 'valid', format: 'cosign-simple-signing', kind: 'signature', key },
    ])
  })

  it('by P-384 with SHA-256 is one, as older cosign made them', () => {
    const signer = makeSigner('old', 'P-384', 'sha256')
    expect(verdicts([simpleLayer(signer, simplePayload(`sha256:${hexOf(PACKAGE)}`))], [signer.trusted])).toMatchObject([
      { verdict: 'valid' },
    ])
  })

  it('needs no hint, and a wrong hint does not hide its maker', () => {
    for (const hint of ['', 'whatever', night.trusted.hint]) {
      const bundle = JSON.parse(signedBundle(release, PACKAGE).toString()) as object
      expect(ofBundle({ ...bundle, verificationMaterial: { publicKey: { hint } } })).toMatchObject({
        verdict: 'valid',
        key: 'release',
      })
    }
  })

  it('stays one with a transparency log entry and timestamps, which are not looked at', () => {
    const tlogEntries = [
      {
        logIndex: '1',
        logId: { keyId: 'AAAA' },
        kindVersion: { kind: 'dsse', version: '0.0.1' },
        integratedTime: '1',
        inclusionPromise: { signedEntryTimestamp: 'AAAA' },
        inclusionProof: { logIndex: '1', rootHash: 'AAAA', treeSize: '2', hashes: [], checkpoint: { envelope: 'x' } },
        canonicalizedBody: 'AAAA',
      },
    ]
    const timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: 'AAAA' }] }
    for (const version of ['.v0.3+json', '+json;version=0.3', '+json;version=0.2', '+json;version=0.1']) {
      const bundle = JSON.parse(signedBundle(release, PACKAGE).toString()) as object
      const verificationMaterial = { publicKey: { hint: release.trusted.hint }, tlogEntries, timestampVerificationData }
      const mediaType = `application/vnd.dev.sigstore.bundle${version}`
      expect(ofBundle({ ...bundle, mediaType, verificationMaterial }), version).toMatchObject({ verdict: 'valid' })
    }
  })

  it('may name the package by SHA-512, and hash its message with it', () => {
    const payload = simplePayload(`sha512:${hexOf(PACKAGE, 'sha512')}`)
    expect(verdicts([simpleLayer(release, payload)])).toMatchObject([{ verdict: 'valid' }])
    const signer = makeSigner('p384', 'P-384')
    const digest = Buffer.from(hexOf(PACKAGE, 'sha384'), 'hex')
    expect(ofBundle(bundleOf(signer, message(signer, digest, 'SHA2_384')), [signer.trusted])).toMatchObject({
      verdict: 'valid',
    })
  })

  it('with the capital of the specification is one', () => {
    const payload = simplePayload('', { image: { 'Docker-manifest-digest': `sha256:${hexOf(PACKAGE)}` } })
    expect(verdicts([simpleLayer(release, payload)])).toMatchObject([{ verdict: 'valid' }])
  })

  it('is found beside others in one manifest, as cosign 2 adds them', () => {
    const payload = simplePayload(`sha256:${hexOf(PACKAGE)}`)
    const moved = simplePayload(`sha256:${hexOf(OTHER_PACKAGE)}`)
    const layers = [simpleLayer(stranger, payload), simpleLayer(release, moved), simpleLayer(night, payload)]
    expect(verdicts(layers).map(({ verdict, key }) => [verdict, key])).toEqual([
      ['unknown-key', undefined],
      ['invalid', undefined],
      ['valid', 'night'],
    ])
  })
})
