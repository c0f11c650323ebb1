import { describe, expect, it } from 'vitest'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA_1,
  EMPTY_DESCRIPTOR,
  MANIFEST_KINDS,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  ORAS_ARTIFACT_MANIFEST,
} from '../../../src/registry/manifest/media-types.ts'
import { parseManifest } from '../../../src/registry/manifest/oci-manifest.ts'
import { digestBytes } from '../../../src/storage/index.ts'

const SHA256 = `sha256:${'a'.repeat(64)}`
const bytesOf = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const descriptor = (more: object = {}) => ({ mediaType: 'application/octet-stream', digest: SHA256, size: 3, ...more })
const image = (more: object = {}) => ({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: { mediaType: EMPTY_DESCRIPTOR.mediaType, digest: EMPTY_DESCRIPTOR.digest, size: EMPTY_DESCRIPTOR.size },
  layers: [descriptor()],
  ...more,
})
const index = (more: object = {}) => ({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor()], ...more })

describe('a manifest is refused', () => {
  it.each<[string, unknown, string]>([
    ['an empty body', '', ''],
    ['a body that is not JSON', '{"schemaVersion":2', ''],
    ['a JSON list', [], ''],
    ['JSON null', null, ''],
    ['a byte order mark', '\ufeff{}', ''],
    ['a name that stands twice', '{"schemaVersion":2,"layers":[],"config":{},"layers":[1]}', '/layers'],
    ['nesting without end', `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, ''],
    ['no schemaVersion', image({ schemaVersion: undefined }), '/schemaVersion'],
    ['schemaVersion 1', { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [] }, '/schemaVersion'],
    ['schemaVersion as text', image({ schemaVersion: '2' }), '/schemaVersion'],
    ['manifests beside layers', image({ manifests: [] }), '/manifests'],
    ['layers beside manifests', index({ layers: [] }), '/manifests'],
    ['config beside manifests', index({ config: descriptor() }), '/manifests'],
    ['an image without config', image({ config: undefined }), '/config'],
    ['an image without layers', image({ layers: undefined }), '/layers'],
    ['layers that are an object', image({ layers: {} }), '/layers'],
    ['an index without manifests', index({ manifests: undefined }), '/manifests'],
    ['a layer that is text', image({ layers: ['x'] }), '/layers/0'],
    [
      'a layer without media type',
      image({ layers: [descriptor(), descriptor({ mediaType: undefined })] }),
      '/layers/1/mediaType',
    ],
    [
      'a media type that no header can carry',
      image({ layers: [descriptor({ mediaType: 'a/b\r\nX: y' })] }),
      '/layers/0/mediaType',
    ],
    ['a digest without algorithm', image({ layers: [descriptor({ digest: 'a'.repeat(64) })] }), '/layers/0/digest'],
    ['a sha256 in upper case', image({ layers: [descriptor({ digest: SHA256.toUpperCase() })] }), '/layers/0/digest'],
    ['a sha256 that is too short', image({ layers: [descriptor({ digest: 'sha256:abc' })] }), '/layers/0/digest'],
    [
      'a sha256 that is no hex',
      image({ layers: [descriptor({ digest: `sha256:${'z'.repeat(64)}` })] }),
      '/layers/0/digest',
    ],
    ['a digest with a path in it', image({ config: descriptor({ digest: 'x:../../etc' }) }), '/config/digest'],
    ['a negative size', image({ layers: [descriptor({ size: -1 })] }), '/layers/0/size'],
    ['a size with a fraction', image({ layers: [descriptor({ size: 1.5 })] }), '/layers/0/size'],
    ['a size as text', image({ layers: [descriptor({ size: '3' })] }), '/layers/0/size'],
    ['a size beyond 2^53', image({ layers: [descriptor({ size: 2 ** 53 })] }), '/layers/0/size'],
    ['urls that are text', image({ layers: [descriptor({ urls: 'x' })] }), '/layers/0/urls'],
    ['annotations that are a list', image({ annotations: [] }), '/annotations'],
    ['an annotation that is a number', image({ annotations: { 'a/b': 1 } }), '/annotations/a~1b'],
    [
      'an annotation of a layer that is null',
      image({ layers: [descriptor({ annotations: { a: null } })] }),
      '/layers/0/annotations/a',
    ],
    ['an annotation with U+0000', image({ annotations: { a: 'x\0' } }), '/annotations/a'],
    [
      'an annotation with a lone surrogate',
      JSON.stringify(image({ annotations: { a: '@' } })).replace('@', '\\ud800'),
      '/annotations/a',
    ],
    ['an artifactType that is an object', image({ artifactType: {} }), '/artifactType'],
    ['a subject without digest', image({ subject: { mediaType: OCI_MANIFEST, size: 1 } }), '/subject/digest'],
    ['a child without size', index({ manifests: [descriptor({ size: undefined })] }), '/manifests/0/size'],
    ['a media type that is a number', image({ mediaType: 1 }), '/mediaType'],
  ])('for %s', (_, body, pointer) => {
    expect(() => parseManifest(bytesOf(body))).toThrow(
      expect.objectContaining({ code: 'manifest-invalid', detail: expect.objectContaining({ field: pointer }) }),
    )
  })

  it('for bytes that are not UTF-8', () => {
    const body = bytesOf(image({ annotations: { a: 'x' } }))
    body[body.length - 4] = 0xff
    expect(() => parseManifest(body)).toThrow('the manifest is not valid UTF-8')
  })

  it('when its media type is not the Content-Type, with both in the message', () => {
    expect(() => parseManifest(bytesOf(image()), OCI_INDEX)).toThrow(
      `'/mediaType' of the manifest is '${OCI_MANIFEST}' and the Content-Type is '${OCI_INDEX}'; they must be equal`,
    )
  })

  it.each(['application/json', 'text/plain', 'application/vnd.example+json', 'constructor'])(
    'as %s, with the list of what is accepted',
    (type) => {
      const { mediaType: _, ...untyped } = image()
      expect(() => parseManifest(bytesOf(untyped), type)).toThrow(
        expect.objectContaining({
          code: 'manifest-invalid',
          message: expect.stringContaining(OCI_MANIFEST),
          detail: { field: '/mediaType', accepted: Object.keys(MANIFEST_KINDS) },
        }),
      )
    },
  )

  it.each(DOCKER_SCHEMA_1)('as %s, with the reason', (type) => {
    const body = bytesOf({ schemaVersion: 1, name: 'a', tag: 'b', architecture: 'amd64', fsLayers: [], history: [] })
    expect(() => parseManifest(body, type)).toThrow('Docker schema 1 is not stored here')
  })
})

describe('a manifest is accepted', () => {
  it.each([
    ['a charset', `${OCI_MANIFEST}; charset=utf-8`],
    ['upper case', OCI_MANIFEST.toUpperCase()],
    ['no Content-Type', undefined],
    ['an empty Content-Type', ''],
  ])('with %s', (_, contentType) => {
    expect(parseManifest(bytesOf(image()), contentType).mediaType).toBe(OCI_MANIFEST)
  })

  it.each([
    ['by its own field', { ...image(), mediaType: DOCKER_MANIFEST }, DOCKER_MANIFEST, 'image'],
    ['as an index by its manifests', { schemaVersion: 2, manifests: [] }, OCI_INDEX, 'index'],
    ['as an image by its layers', { ...image(), mediaType: undefined }, OCI_MANIFEST, 'image'],
  ])('and its type is found without Content-Type %s', (_, body, mediaType, kind) => {
    expect(parseManifest(bytesOf(body))).toMatchObject({ mediaType, kind })
  })

  it('without a mediaType of its own', () => {
    expect(parseManifest(bytesOf({ ...image(), mediaType: undefined }), DOCKER_MANIFEST).mediaType).toBe(
      DOCKER_MANIFEST,
    )
    expect(parseManifest(bytesOf({ ...index(), mediaType: undefined }), DOCKER_LIST).kind).toBe('index')
  })

  it('with unknown fields, types and annotations anywhere', () => {
    const custom = { 'example.custom': [1, { a: null }], platform: { os: 'x' }, data: 'not base64!' }
    const parsed = parseManifest(
      bytesOf(
        image({
          ...custom,
          layers: [descriptor({ mediaType: 'x-wasm', ...custom })],
          annotations: { '': '', ü: '水' },
        }),
      ),
    )
    expect(parsed.layers).toEqual([{ mediaType: 'x-wasm', digest: SHA256, size: 3 }])
    expect(parsed.annotations).toEqual({ '': '', ü: '水' })
  })

  it('without layers or children, and with null where Go had nothing', () => {
    expect(parseManifest(bytesOf(image({ layers: [] }))).layers).toEqual([])
    expect(parseManifest(bytesOf(index({ manifests: [] }))).manifests).toEqual([])
    const nulls = { layers: null, annotations: null, subject: null, artifactType: null, manifests: null }
    expect(parseManifest(bytesOf(image(nulls)))).toMatchObject({ kind: 'image', layers: [], manifests: [] })
  })

  it.each([
    ['sha512', `sha512:${'b'.repeat(128)}`],
    ['blake3', `blake3:${'c'.repeat(64)}`],
    ['an unknown algorithm', 'multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8'],
  ])('that names bytes by %s', (_, digest) => {
    expect(parseManifest(bytesOf(image({ layers: [descriptor({ digest })] }))).layers[0]!.digest).toBe(digest)
  })

  it('with layers that lie elsewhere', () => {
    const urls = ['https://layers.example/a']
    expect(parseManifest(bytesOf(image({ layers: [descriptor({ urls })] }))).layers[0]!.urls).toEqual(urls)
  })

  it.each([OCI_ARTIFACT_MANIFEST, ORAS_ARTIFACT_MANIFEST])('as %s, whose blobs are its layers', (mediaType) => {
    const parsed = parseManifest(
      bytesOf({
        mediaType,
        artifactType: 'application/x-sbom',
        blobs: [descriptor()],
        subject: descriptor({ size: 9 }),
      }),
    )
    expect(parsed).toMatchObject({
      kind: 'artifact',
      artifactType: 'application/x-sbom',
      referrerType: 'application/x-sbom',
    })
    expect(parsed.edges.map(({ kind, size }) => [kind, size])).toEqual([
      ['layer', 3],
      ['subject', 9],
    ])
    expect(parseManifest(bytesOf({ mediaType })).layers).toEqual([])
  })

  it('with an annotation named __proto__, which stays one', () => {
    const text = JSON.stringify(image({ annotations: { x: '1' } })).replace('"x":', '"__proto__":')
    expect(Object.entries(parseManifest(bytesOf(text)).annotations!)).toEqual([['__proto__', '1']])
  })

  it('of 3.9 MB of annotations', () => {
    const annotations = Object.fromEntries(Array.from({ length: 390 }, (_, i) => [`a${i}`, 'x'.repeat(10_000)]))
    expect(Object.keys(parseManifest(bytesOf(image({ annotations }))).annotations!)).toHaveLength(390)
  })
})

describe('the edges of a manifest', () => {
  it('are what it names, in document order', () => {
    const parsed = parseManifest(
      bytesOf(image({ layers: [descriptor(), descriptor({ size: 4 })], subject: descriptor({ size: 5 }) })),
    )
    expect(parsed.edges.map(({ kind, size }) => `${kind} ${size}`)).toEqual([
      'config 2',
      'layer 3',
      'layer 4',
      'subject 5',
    ])
    const list = parseManifest(
      bytesOf(index({ manifests: [descriptor(), descriptor({ size: 7 })], subject: descriptor() })),
    )
    expect(list.edges.map(({ kind, size }) => `${kind} ${size}`)).toEqual(['manifest 3', 'manifest 7', 'subject 3'])
  })
})

describe('the type under which a referrer is listed', () => {
  it.each<[string, object, string | undefined]>([
    ['the artifactType', image({ artifactType: 'application/x-a' }), 'application/x-a'],
    ['else the config media type of an image', image(), 'application/vnd.oci.empty.v1+json'],
    ['also where artifactType is empty', image({ artifactType: '' }), 'application/vnd.oci.empty.v1+json'],
    ['the artifactType of an index', index({ artifactType: 'application/x-a' }), 'application/x-a'],
    ['none for an index without', index(), undefined],
  ])('is %s', (_, body, type) => {
    expect(parseManifest(bytesOf(body)).referrerType).toBe(type)
  })

  it('does not come from the config descriptor of cosign, which has an artifactType of its own', () => {
    const config = descriptor({ mediaType: EMPTY_DESCRIPTOR.mediaType, artifactType: 'application/x-inner' })
    expect(parseManifest(bytesOf(image({ config }))).referrerType).toBe(EMPTY_DESCRIPTOR.mediaType)
  })
})

it('the empty descriptor describes the bytes {}', () => {
  const { sha256, size } = digestBytes(new TextEncoder().encode('{}'))
  expect([sha256, size]).toEqual([EMPTY_DESCRIPTOR.digest, EMPTY_DESCRIPTOR.size])
  expect(Buffer.from(EMPTY_DESCRIPTOR.data, 'base64').toString()).toBe('{}')
})
