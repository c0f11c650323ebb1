import { describe, expect, it } from 'vitest'
import { SIGNATURE_LIMITS, signaturesIn } from '../../src/signing/index.ts'
import {
  BUNDLE_TYPE,
  bundleManifest,
  ENVELOPE_TYPE,
  SIMPLE_SIGNING_TYPE,
  signatureManifest,
} from '../support/signatures.ts'

const PACKAGE = Buffer.from('{}')
const layer = (mediaType: string, size = 3, more: object = {}) => ({ mediaType, digest: 'sha256:00', size, ...more })
const manifest = (members: object) => signaturesIn(Buffer.from(JSON.stringify(members)))

describe('what is no signature holds none, and is no reason to fail', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['layers that are no list', '{"layers":{}}'],
    ['layers that are no objects', '{"layers":[1,null,"x",[]]}'],
    ['annotations that are no object', '{"annotations":[],"layers":[{"mediaType":"text/plain"}]}'],
    ['a bundle without digest and size', `{"layers":[{"mediaType":"${BUNDLE_TYPE}"}]}`],
  ])('%s', (_, text) => {
    expect(signaturesIn(Buffer.from(text)).parts).toEqual([])
  })

  it('a manifest with two readings is nothing', () => {
    expect(
      signaturesIn(Buffer.from(`{"layers":[],"layers":[{"mediaType":"${BUNDLE_TYPE}","digest":"x","size":1}]}`)),
    ).toEqual({
      kind: 'referrer',
      parts: [],
    })
  })
})

describe('the kind of a referrer', () => {
  const kind = (members: object) => manifest(members).kind

  it('of a bundle is what cosign says on its manifest, and a signature without a word', () => {
    expect(signaturesIn(bundleManifest(PACKAGE, Buffer.from('x'))).kind).toBe('signature')
    expect(signaturesIn(bundleManifest(PACKAGE, Buffer.from('x'), 'https://example.org/p')).kind).toBe('attestation')
    expect(kind({ artifactType: BUNDLE_TYPE, layers: [layer(BUNDLE_TYPE)] })).toBe('signature')
  })

  it('of the layers of cosign 2 is theirs', () => {
    expect(kind({ layers: [layer(SIMPLE_SIGNING_TYPE)] })).toBe('signature')
    expect(kind({ layers: [layer(ENVELOPE_TYPE)] })).toBe('attestation')
  })

  it('of SBOMs, in-toto documents and the rest follows from their types', () => {
    expect(kind({ artifactType: 'application/spdx+json' })).toBe('sbom')
    expect(kind({ artifactType: 'application/vnd.cyclonedx+json' })).toBe('sbom')
    expect(kind({ layers: [layer('text/spdx+json')] })).toBe('sbom')
    expect(kind({ config: { mediaType: 'application/vnd.dev.cosign.artifact.sbom.v1+json' } })).toBe('sbom')
    expect(kind({ layers: [layer('application/vnd.in-toto+json')] })).toBe('attestation')
    expect(kind({ artifactType: 'application/vnd.example.report', layers: [layer('text/plain')] })).toBe('referrer')
  })

  it('of Notary is a signature that is not checked, and it says so', () => {
    expect(
      manifest({ artifactType: 'application/vnd.cncf.notary.signature', layers: [layer('application/jose+json')] }),
    ).toEqual({
      kind: 'signature',
      artifactType: 'application/vnd.cncf.notary.signature',
      parts: [],
      uncheckedReason: expect.stringContaining('Notary'),
    })
  })
})

describe('the work that one referrer can cause is bounded', () => {
  it('by the number of its signatures', () => {
    const many = Array.from({ length: SIGNATURE_LIMITS.layers + 7 }, () => layer(SIMPLE_SIGNING_TYPE))
    const { parts, uncheckedReason } = manifest({ layers: many })
    expect(parts).toHaveLength(SIGNATURE_LIMITS.layers)
    expect(uncheckedReason).toMatch(/^7 of its 57 signatures are not checked/)
  })

  it('by the size of each, and of all together', () => {
    const { layerBytes } = SIGNATURE_LIMITS
    expect(manifest({ layers: [layer(BUNDLE_TYPE, layerBytes + 1), layer(BUNDLE_TYPE, layerBytes)] })).toMatchObject({
      parts: [{ size: layerBytes }],
      uncheckedReason: expect.stringMatching(/^1 of its 2/),
    })
    const { parts } = manifest({ layers: Array.from({ length: 10 }, () => layer(BUNDLE_TYPE, layerBytes)) })
    expect(parts.reduce((sum, { size }) => sum + size, 0)).toBe(SIGNATURE_LIMITS.bytes)
  })

  it('and sizes that are none do not get around it', () => {
    for (const size of [-1, 0.5, Number.MAX_VALUE]) {
      expect(manifest({ layers: [layer(BUNDLE_TYPE, size)] }).parts, String(size)).toEqual([])
    }
    expect(manifest({ layers: [layer(BUNDLE_TYPE, 3)] }).uncheckedReason).toBeUndefined()
  })
})

it('annotations and certificate of a layer come with its part', () => {
  const annotations = { 'dev.cosignproject.cosign/signature': 'MEUC', 'dev.sigstore.cosign/certificate': 'PEM' }
  const bytes = Buffer.from('payload')
  const { parts } = signaturesIn(signatureManifest([{ mediaType: SIMPLE_SIGNING_TYPE, bytes, annotations }]))
  expect(parts).toMatchObject([{ format: 'cosign-simple-signing', signature: 'MEUC', isKeyless: true, size: 7 }])
})
