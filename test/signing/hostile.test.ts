import { describe, expect, it } from 'vitest'
import { checkSignature, SIGNATURE_LIMITS } from '../../src/signing/index.ts'
import {
  BUNDLE_TYPE,
  bundleOf,
  envelopeOf,
  hexOf,
  signedBundle,
  simpleLayer,
  simplePayload,
  statementOf,
} from '../support/signatures.ts'
import {
  KEYS,
  message,
  OTHER_PACKAGE,
  ofBundle,
  ofEnvelope,
  ofStatement,
  PACKAGE,
  release,
  SUBJECT,
  verdicts,
} from './checks.ts'

describe('what two readers could read differently is invalid', () => {
  const twice = (text: string, member: string, value: string) =>
    text.replace(`"${member}":`, `"${member}":${value},"${member}":`)

  it('a member that stands twice in bundle, statement or payload', () => {
    const statement = statementOf(PACKAGE)
    const evil = `[{"digest":{"sha256":"${hexOf(OTHER_PACKAGE)}"}}]`
    expect(ofStatement(twice(statement, 'subject', evil))).toMatchObject({
      verdict: 'invalid',
      reason: "the statement has 'subject' twice",
    })
    expect(ofBundle(twice(signedBundle(release, PACKAGE).toString(), 'dsseEnvelope', '{}'))).toMatchObject({
      verdict: 'invalid',
    })
    const payload = twice(simplePayload(`sha256:${hexOf(PACKAGE)}`).toString(), 'docker-manifest-digest', '"sha256:00"')
    expect(verdicts([simpleLayer(release, Buffer.from(payload))])).toMatchObject([{ verdict: 'invalid' }])
  })

  it('a member in two spellings, and with escapes', () => {
    const statement = statementOf(PACKAGE)
    for (const name of ['Subject', 'SUBJECT', '\\u0073ubject', '\u017fubject']) {
      expect(ofStatement(statement.replace('{', `{"${name}":[],`)), name).toMatchObject({ verdict: 'invalid' })
    }
    const both = simplePayload(`sha256:${hexOf(PACKAGE)}`, {
      image: { 'docker-manifest-digest': `sha256:${hexOf(PACKAGE)}`, 'Docker-manifest-digest': 'sha256:00' },
    })
    expect(verdicts([simpleLayer(release, both)])).toMatchObject([{ verdict: 'invalid' }])
  })

  it('but a predicate may hold what it likes, also in depth', () => {
    const deep = `${'['.repeat(100_000)}"]}"${']'.repeat(100_000)}`
    const withPredicate = (predicate: string) =>
      statementOf(PACKAGE).replace('"predicate":{}', `"predicate":${predicate}`)
    expect(ofStatement(withPredicate('{"a":1,"a":2}'))).toMatchObject({ verdict: 'valid' })
    expect(ofStatement(withPredicate(deep))).toMatchObject({ verdict: 'valid' })
    expect(ofStatement(withPredicate('"},{"'))).toMatchObject({ verdict: 'valid' })
    expect(ofStatement(withPredicate('1,"subject":[]'))).toMatchObject({ verdict: 'invalid' })
  })
})

describe('garbage is invalid and nothing is thrown', () => {
  const good = JSON.parse(signedBundle(release, PACKAGE).toString()) as Record<string, unknown>
  const envelope = good.dsseEnvelope as Record<string, unknown>
  const [only] = envelope.signatures as object[]

  it.each<[string, object | string]>([
    ['no bytes', ''],
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['deep lists', '['.repeat(200_000)],
    ['deep lists that close', `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['an unknown bundle type', { ...good, mediaType: `${BUNDLE_TYPE}x` }],
    ['a future bundle type', { ...good, mediaType: 'application/vnd.dev.sigstore.bundle.v0.9+json' }],
    ['two contents', { ...good, ...message(release, Buffer.alloc(32)) }],
    ['no content', { mediaType: BUNDLE_TYPE, verificationMaterial: good.verificationMaterial }],
    ['two kinds of key', { ...good, verificationMaterial: { publicKey: { hint: 'x' }, certificate: {} } }],
    ['no material', { ...good, verificationMaterial: null }],
    [
      'a chain in a v0.3 bundle',
      { ...good, verificationMaterial: { x509CertificateChain: { certificates: [{ rawBytes: 'AAAA' }] } } },
    ],
    ['two signatures', { ...good, dsseEnvelope: { ...envelope, signatures: [only, only] } }],
    ['no signature', { ...good, dsseEnvelope: { ...envelope, signatures: [] } }],
    ['an envelope that is a number', { ...good, dsseEnvelope: 7 }],
    ['signatures that are text', { ...good, dsseEnvelope: { ...envelope, signatures: 'x' } }],
    ['another payload type', { ...good, dsseEnvelope: envelopeOf(release, statementOf(PACKAGE), {}, 'text/plain') }],
    [
      'a key id beside another hint',
      { ...good, dsseEnvelope: { ...envelope, signatures: [{ ...only, keyid: 'other' }] } },
    ],
    ['a message digest of nothing', bundleOf(release, message(release, Buffer.alloc(0)))],
    [
      'a message of an unknown hash',
      bundleOf(release, message(release, Buffer.alloc(32), 'HASH_ALGORITHM_UNSPECIFIED')),
    ],
  ])('%s', (_, bundle) => {
    expect(ofBundle(bundle)).toMatchObject({ verdict: 'invalid', reason: expect.stringMatching(/./) })
  })

  it.each<[string, string]>([
    ['of another statement type', statementOf(PACKAGE).replace('Statement/v1', 'Statement/v9')],
    ['without a predicate type', statementOf(PACKAGE, '')],
    ['with a huge predicate type', statementOf(PACKAGE, 'x'.repeat(5_000))],
    ['that is no JSON', 'statement'],
  ])('a statement %s', (_, statement) => {
    expect(ofStatement(statement)).toMatchObject({ verdict: 'invalid' })
  })

  it('envelopes with several signatures, none, or broken base64', () => {
    const whole = envelopeOf(release, statementOf(PACKAGE)) as { signatures: object[] }
    for (const changes of [
      { signatures: [...whole.signatures, ...whole.signatures] },
      { signatures: [] },
      { payload: 'a b=' },
      { payload: 'AAAAA' },
      { payload: '' },
    ]) {
      expect(ofEnvelope({ ...whole, ...changes }), JSON.stringify(changes)).toMatchObject({ verdict: 'invalid' })
    }
  })

  it('simple signing without a signature, with a broken one, of another type, without a digest', () => {
    const payload = simplePayload(`sha256:${hexOf(PACKAGE)}`)
    const signature = 'dev.cosignproject.cosign/signature'
    const { annotations: _, ...bare } = simpleLayer(release, payload)
    for (const layer of [
      bare,
      { ...bare, annotations: { [signature]: '***' } },
      { ...bare, annotations: { [signature]: 'AAAAA' } },
      simpleLayer(release, simplePayload(`sha256:${hexOf(PACKAGE)}`, { type: 'atomic container signature' })),
      simpleLayer(release, simplePayload('sha256')),
      simpleLayer(release, simplePayload(`sha256:${hexOf(PACKAGE)}:more`)),
      simpleLayer(release, simplePayload(`md5:${hexOf(PACKAGE)}`)),
      simpleLayer(release, simplePayload('x', { image: 'x' })),
      simpleLayer(release, Buffer.from('{}')),
    ]) {
      expect(verdicts([layer]), Buffer.from(layer.bytes).toString()).toMatchObject([{ verdict: 'invalid' }])
    }
  })

  it('a layer over the limit, whatever its manifest says of its size', () => {
    const bytes = Buffer.alloc(SIGNATURE_LIMITS.layerBytes + 1, 0x20)
    const part = {
      format: 'dsse-envelope',
      kind: 'attestation',
      digest: `sha256:${hexOf(bytes)}`,
      size: 1,
      isKeyless: false,
    } as const
    expect(checkSignature(part, bytes, { subject: SUBJECT, keys: KEYS })).toMatchObject({ verdict: 'invalid' })
  })

  it('nesting that no bundle has is refused for that, before anything walks through it', () => {
    const deep = `${'['.repeat(200)}${']'.repeat(200)}`
    const bundle = signedBundle(release, PACKAGE).toString().replace('{', `{"more":${deep},`)
    expect(ofBundle(bundle)).toMatchObject({ verdict: 'invalid', reason: 'the bundle is nested deeper than 64 levels' })
  })

  it('reasons stay short and on one line, whatever they quote', () => {
    const { reason = '' } = ofStatement(
      statementOf(PACKAGE).replace('Statement/v1', `Statement\\u001b[2J\\n${'x'.repeat(5_000)}`),
    )
    expect(reason.length).toBeLessThan(300)
    expect(reason).not.toMatch(/[\p{Cc}]/u)
  })
})
