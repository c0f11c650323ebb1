import { describe, expect, it } from 'vitest'
import {
  isManifestMediaType,
  MANIFEST_KINDS,
  OCI_MANIFEST_LIMIT_BYTES,
} from '../../../src/registry/manifest/media-types.ts'
import {
  encodeManifest,
  inCanonicalOrder,
  type NativeManifest,
} from '../../../src/registry/manifest/native-manifest.ts'
import { parseManifest } from '../../../src/registry/manifest/oci-manifest.ts'
import { filesOf, packageFactsOf } from '../../../src/registry/manifest/oci-manifest-facts.ts'
import { toOciManifest } from '../../../src/registry/manifest/oci-mapping.ts'
import type { Digest } from '../../../src/storage/index.ts'
import { digestBytes } from '../../../src/storage/index.ts'
import { AWKWARD, fileOf, manifestOf, manifestOfFiles } from './sample-manifests.ts'

const CONFIG = {
  blake3: `blake3:${'b'.repeat(64)}` as Digest,
  sha256: `sha256:${'c'.repeat(64)}` as Digest,
  size: 1234,
}

function ociText(manifest: NativeManifest): string {
  const { bytes } = toOciManifest(manifest, CONFIG)
  if (!bytes) throw new Error('there is no OCI manifest')
  return Buffer.from(bytes).toString()
}

describe('the OCI manifest of a package', () => {
  it('is exactly these bytes', () => {
    const manifest = manifestOf([fileOf('a b/report.txt', 'hello\n', { mode: 0o644 }), fileOf('empty', '')])
    expect(ociText(manifest)).toBe(
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
        '"artifactType":"application/vnd.artifactstore.package.v1",' +
        '"config":{"mediaType":"application/vnd.artifactstore.package.manifest.v1+cbor",' +
        `"digest":"sha256:${'c'.repeat(64)}","size":1234},"layers":[` +
        '{"mediaType":"text/plain","digest":"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",' +
        '"size":6,"annotations":{"org.opencontainers.image.title":"a b/report.txt",' +
        '"vnd.artifactstore.blake3":"blake3:8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99",' +
        '"vnd.artifactstore.mode":"0644"}},' +
        '{"mediaType":"text/plain","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",' +
        '"size":0,"annotations":{"org.opencontainers.image.title":"empty",' +
        '"vnd.artifactstore.blake3":"blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"}}],' +
        '"annotations":{"org.opencontainers.image.created":"2026-01-31T12:00:01.500Z",' +
        `"vnd.artifactstore.manifest-digest":"blake3:${'b'.repeat(64)}",` +
        '"vnd.artifactstore.name":"nightly-run",' +
        '"vnd.artifactstore.package-id":"01980000-0000-7000-8000-000000000001",' +
        '"vnd.artifactstore.producer":"ops","vnd.artifactstore.retention-class":"raw-evidence",' +
        '"vnd.artifactstore.subject":"example.org"}}',
    )
  })

  it('names bytes by sha256 in every descriptor', () => {
    const { edges } = parseManifest(Buffer.from(ociText(AWKWARD)))
    expect(edges.map((edge) => edge.digest.slice(0, 7))).toEqual(Array(AWKWARD.files.length + 1).fill('sha256:'))
  })

  it('leads back to the same paths, sizes, digests and modes', () => {
    const parsed = parseManifest(Buffer.from(ociText(AWKWARD)))
    expect(filesOf(parsed).map(({ path, size, digest, mode }) => ({ path, size, digest, mode }))).toEqual(
      inCanonicalOrder(AWKWARD).files.map((file) => ({
        path: file.relative_path,
        size: file.size,
        digest: file.sha256,
        mode: file.mode,
      })),
    )
    expect(packageFactsOf(AWKWARD.package.repository, parsed, 'user-managed')).toMatchObject({
      subject: 'urn:example:ü',
      retentionClass: 'raw-evidence',
    })
  })

  it('gives files with the same bytes a layer each', () => {
    const manifest = manifestOf([fileOf('a', 'same'), fileOf('b', 'same')])
    expect(filesOf(parseManifest(Buffer.from(ociText(manifest)))).map((file) => file.path)).toEqual(['a', 'b'])
  })

  it.each(Object.keys(MANIFEST_KINDS))('does not pass a file off as a manifest, though it was added as %s', (type) => {
    for (const media_type of [type, `${type}; charset=utf-8`]) {
      const parsed = parseManifest(Buffer.from(ociText(manifestOf([fileOf('index.json', '{}', { media_type })]))))
      expect(isManifestMediaType(parsed.layers[0]!.mediaType)).toBe(false)
      expect(parsed.layers[0]!.mediaType).toBe('application/octet-stream')
    }
  })

  it('carries the media type without parameters, which a descriptor cannot have', () => {
    const manifest = manifestOf([fileOf('a', 'x', { media_type: 'text/plain; charset=utf-8' })])
    expect(parseManifest(Buffer.from(ociText(manifest))).layers[0]!.mediaType).toBe('text/plain')
  })

  it('does not depend on the order in which files come, nor on anything outside the manifest', () => {
    const config = digestBytes(encodeManifest(AWKWARD))
    const shuffled = structuredClone({ ...AWKWARD, files: AWKWARD.files.toReversed() })
    expect(toOciManifest(shuffled, { ...config })).toEqual(toOciManifest(AWKWARD, config))
  })
})

describe('around 4 MiB', () => {
  it('a package of 12,000 files has layers with blake3 and mode', () => {
    const parsed = parseManifest(Buffer.from(ociText(manifestOfFiles(12_000, { mode: 0o644 }))))
    expect(Object.keys(parsed.layers[11_999]!.annotations!)).toEqual([
      'org.opencontainers.image.title',
      'vnd.artifactstore.blake3',
      'vnd.artifactstore.mode',
    ])
  })

  it('a package of 19,000 files leaves to its config what is said there too', () => {
    const text = ociText(manifestOfFiles(19_000, { mode: 0o644 }))
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(OCI_MANIFEST_LIMIT_BYTES)
    const parsed = parseManifest(Buffer.from(text))
    expect(parsed.layers).toHaveLength(19_000)
    expect(Object.keys(parsed.layers[0]!.annotations!)).toEqual(['org.opencontainers.image.title'])
    expect(parsed.annotations?.['vnd.artifactstore.manifest-digest']).toBe(CONFIG.blake3)
  })

  it.each([20_000, 100_000])('a package of %i files has no OCI manifest, and the reason says why', (count) => {
    const mapping = toOciManifest(manifestOfFiles(count), CONFIG)
    expect(mapping.bytes).toBeUndefined()
    expect(mapping).toMatchObject({
      absentReason: expect.stringMatching(new RegExp(`${count} files .* 4194304 bytes`)),
    })
  })

  it('the limit itself is still within', () => {
    const base = manifestOf([fileOf('a', '1')])
    const withSubject = (length: number) => ({ ...base, package: { ...base.package, subject: 's'.repeat(length) } })
    // A subject this long is beyond the domain's limits; here it only fills the document to the byte.
    const room = OCI_MANIFEST_LIMIT_BYTES - Buffer.byteLength(ociText(withSubject(1))) + 1
    const leaner = room + Buffer.byteLength(ociText(withSubject(1))) - Buffer.byteLength(leanText(withSubject(1)))
    expect(toOciManifest(withSubject(room), CONFIG).bytes).toHaveLength(OCI_MANIFEST_LIMIT_BYTES)
    expect(toOciManifest(withSubject(leaner), CONFIG).bytes).toHaveLength(OCI_MANIFEST_LIMIT_BYTES)
    expect(toOciManifest(withSubject(leaner + 1), CONFIG).bytes).toBeUndefined()
  })
})

function leanText(manifest: NativeManifest): string {
  const document = JSON.parse(ociText(manifest))
  for (const layer of document.layers) delete layer.annotations['vnd.artifactstore.blake3']
  return JSON.stringify(document)
}
