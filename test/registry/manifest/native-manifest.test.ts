import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../../src/registry/manifest/canonical-cbor.ts'
import {
  decodeManifest,
  encodeManifest,
  manifestFromJcs,
  manifestToJcs,
  type NativeManifest,
} from '../../../src/registry/manifest/native-manifest.ts'
import { pathKey, pathProblem, type RelativePath } from '../../../src/registry/names.ts'
import type { Metadata } from '../../../src/registry/registry.ts'
import { digestBytes } from '../../../src/storage/index.ts'
import { AWKWARD, fileOf, manifestOf, manifestOfFiles, SMALL } from './sample-manifests.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** SMALL with the value at the pointer replaced, or removed where it is undefined. */
function changed(pointer: string, value: unknown): unknown {
  const copy = structuredClone(SMALL) as unknown as Record<string, unknown>
  const steps = pointer.split('/').slice(1)
  const last = steps.pop()!
  const parent = steps.reduce((at, step) => at[step] as Record<string, unknown>, copy)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

describe('a manifest is refused', () => {
  const shape: [string, string, unknown][] = [
    ['another version', '/manifest_version', 2],
    ['a version that is text', '/manifest_version', '1'],
    ['no package', '/package', undefined],
    ['a package that is a list', '/package', []],
    ['an unknown field', '/extra', 1],
    ['an unknown field of a file', '/files/0/extra', 1],
    ['an unknown field named like a member of every object', '/files/0/constructor', 1],
    ['an empty name', '/package/name', ''],
    ['a producer that is a number', '/package/producer', 1],
    ['a repository that is none', '/package/repository', 'Ops/Run'],
    ['metadata that is a list', '/package/metadata', []],
    ['metadata with bytes', '/package/metadata', { a: new Uint8Array(1) }],
    ['a time without milliseconds', '/package/created_at', '2026-01-31T12:00:00Z'],
    ['a time with an offset', '/package/created_at', '2026-01-31T12:00:00.000+01:00'],
    ['a day that does not exist', '/package/created_at', '2026-02-30T12:00:00.000Z'],
    ['a time that is a number', '/provenance/finalized_at', 1],
    ['no files', '/files', []],
    ['an absolute path', '/files/0/relative_path', '/etc/passwd'],
    ['a path out of the package', '/files/0/relative_path', 'a/../../b'],
    ['a path that is bytes', '/files/0/relative_path', new Uint8Array(1)],
    ['a media type that is none', '/files/0/media_type', 'text'],
    ['a negative size', '/files/0/size', -1],
    ['a size with a fraction', '/files/0/size', 1.5],
    ['a sha256 in the place of the blake3', '/files/0/blake3', SMALL.files[0]!.sha256],
    ['a digest in upper case', '/files/0/sha256', SMALL.files[0]!.sha256.toUpperCase()],
    ['a mode of five octal digits', '/files/0/mode', 0o10000],
    ['a mode that is null', '/files/0/mode', null],
    ['a receipt without backend', '/storage_receipts/0/backend_id', undefined],
    ['a backend id with a slash', '/storage_receipts/0/backend_id', 'a/b'],
    ['a duration that is negative', '/retention_summary/default_duration_seconds', -1],
    ['an expiry that is absent instead of null', '/retention_summary/expires_at', undefined],
    ['no generator', '/provenance/generator', undefined],
  ]
  it.each(shape)('for %s, whoever encodes or decodes it', (_, pointer, value) => {
    const manifest = changed(pointer, value)
    const refused = expect.objectContaining({
      code: 'manifest-invalid',
      detail: { field: expect.stringContaining(pointer) },
    })
    expect(() => encodeManifest(manifest as NativeManifest)).toThrow(refused)
    expect(() => decodeManifest(encodeCanonical(manifest))).toThrow(refused)
    const hasBytes = value instanceof Uint8Array || pointer === '/package/metadata'
    if (!hasBytes) expect(() => manifestFromJcs(canonicalize(manifest) as string)).toThrow(refused)
  })

  it('when its files are a map', () => {
    expect(() => decodeManifest(encodeCanonical(changed('/files', {})))).toThrow(
      "'/files' of the manifest is not a list",
    )
  })

  it.each([
    ['null', null],
    ['a list', []],
    ['text', 'manifest'],
    ['bytes', new Uint8Array(3)],
  ])('where %s stands in its place', (_, value) => {
    expect(() => decodeManifest(encodeCanonical(value))).toThrow("'/' of the manifest is not a map")
  })

  const swapped = manifestOf([fileOf('b', '1'), fileOf('a', '2')])
  it.each<[string, NativeManifest, string]>([
    ['files out of order', { ...swapped, storage_receipts: [] }, "'/files/1/relative_path' of the manifest is not in"],
    ['a path twice', manifestOf([fileOf('a', '1'), fileOf('a', '2')]), 'names the same file as an earlier path'],
    [
      'paths equal under NFC',
      manifestOf([fileOf('e\u0301', '1'), fileOf('\u00e9', '2')]),
      "'/files/1/relative_path' of the manifest names the same file as an earlier path",
    ],
    [
      'a repeated receipt',
      { ...SMALL, storage_receipts: [SMALL.storage_receipts[0]!, SMALL.storage_receipts[0]!] },
      "'/storage_receipts/1' of the manifest is a repetition",
    ],
    [
      'receipts out of order',
      { ...SMALL, storage_receipts: ['b', 'a'].map((id) => ({ ...SMALL.storage_receipts[0]!, backend_id: id })) },
      "'/storage_receipts/1' of the manifest is a repetition or not in the order",
    ],
  ])('when decoded with %s', (_, manifest, message) => {
    expect(() => decodeManifest(encodeCanonical(manifest))).toThrow(message)
  })

  it('when its text is JSON but not canonical', () => {
    const text = manifestToJcs(SMALL)
    const spaced = JSON.stringify(JSON.parse(text), null, 1)
    const twice = text.replace('{"created_at"', '{"created_at":"2020-01-01T00:00:00.000Z","created_at"')
    const rounded = text.replace('"metadata":{}', '"metadata":{"a":0.10}')
    for (const other of [spaced, twice, rounded, `${text}\n`]) {
      expect(() => manifestFromJcs(other)).toThrow('not its canonical form')
    }
    expect(() => manifestFromJcs(text.slice(1))).toThrow('is not JSON')
  })
})

describe('a manifest', () => {
  it.each([
    ['small', SMALL],
    ['awkward', AWKWARD],
  ])('that is %s comes back from CBOR and from JCS with the same bytes', (_, manifest) => {
    const bytes = encodeManifest(manifest)
    const decoded = decodeManifest(bytes)
    expect(hex(encodeManifest(decoded))).toBe(hex(bytes))
    const text = manifestToJcs(bytes)
    expect(manifestToJcs(manifest)).toBe(text)
    expect(manifestFromJcs(text)).toEqual(decoded)
    expect(hex(encodeManifest(manifestFromJcs(text)))).toBe(hex(bytes))
  })

  it('does not depend on the order in which files and receipts come', () => {
    const shuffled = {
      ...AWKWARD,
      files: AWKWARD.files.toReversed(),
      storage_receipts: [...AWKWARD.storage_receipts.toReversed(), ...AWKWARD.storage_receipts],
    }
    expect(hex(encodeManifest(shuffled))).toBe(hex(encodeManifest(AWKWARD)))
  })

  it('lists files in the byte order of their UTF-8 paths', () => {
    const paths = decodeManifest(encodeManifest(AWKWARD)).files.map((file) => file.relative_path)
    expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    expect(paths.slice(-3)).toEqual(['e\u0301', 'z/\uffff', 'z/\u{10000}'])
  })

  it('has one receipt for files with the same bytes', () => {
    const twice = manifestOf([fileOf('a', 'same'), fileOf('b', 'same')])
    expect(decodeManifest(encodeManifest(twice)).storage_receipts).toHaveLength(1)
  })

  it('keeps a metadata name of __proto__', () => {
    const metadata = JSON.parse('{"__proto__":{"a":1}}')
    const bytes = encodeManifest({ ...SMALL, package: { ...SMALL.package, metadata } })
    expect(manifestToJcs(bytes)).toContain('"metadata":{"__proto__":{"a":1}}')
    expect(hex(encodeManifest(manifestFromJcs(manifestToJcs(bytes))))).toBe(hex(bytes))
  })

  it('of 100,000 files is encoded and decoded in seconds, without deep recursion', () => {
    const bytes = encodeManifest(manifestOfFiles(100_000, { mode: 0o644 }))
    const { files, storage_receipts } = decodeManifest(bytes)
    expect([files.length, storage_receipts.length]).toEqual([100_000, 100_000])
    expect(files[99_999]!.relative_path).toBe('evidence/run-0001/part-0099999.json')
  })

  it('of 10,000 files comes back from JCS', () => {
    const bytes = encodeManifest(manifestOfFiles(10_000))
    expect(digestBytes(encodeManifest(manifestFromJcs(manifestToJcs(bytes))))).toEqual(digestBytes(bytes))
  })
})

describe('properties', () => {
  const path = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter((p) => pathProblem(p) === undefined)
  const json = fc.jsonValue({ maxDepth: 4 })
  const isMetadata = (value: unknown): boolean =>
    JSON.stringify(value, (_, v) => (Number.isInteger(v) && !Number.isSafeInteger(v) ? '\0' : v)).includes(
      '\\u0000',
    ) === false
  const metadata = fc
    .dictionary(fc.string({ maxLength: 10 }), json, { maxKeys: 5, noNullPrototype: true })
    .filter(isMetadata)
  const manifest = fc
    .record({
      paths: fc.uniqueArray(path, { minLength: 1, maxLength: 8, selector: (p) => pathKey(p as RelativePath) }),
      mode: fc.option(fc.integer({ min: 0, max: 0o7777 }), { nil: undefined }),
      metadata,
      subject: fc.string({ minLength: 1, maxLength: 20 }),
    })
    .map(({ paths, mode, ...facts }): NativeManifest => {
      const files = paths.map((p, i) => fileOf(p, `${i % 3}`, mode === undefined ? {} : { mode }))
      const base = manifestOf(files)
      return { ...base, package: { ...base.package, ...(facts as { subject: string; metadata: Metadata }) } }
    })

  it('CBOR to JCS and back gives the same bytes', () => {
    fc.assert(
      fc.property(manifest, (value) => {
        const bytes = encodeManifest(value)
        expect(hex(encodeManifest(manifestFromJcs(manifestToJcs(bytes))))).toBe(hex(bytes))
        expect(hex(encodeManifest(decodeManifest(bytes)))).toBe(hex(bytes))
      }),
    )
  })

  it('a changed or cut manifest is refused or is another canonical manifest', () => {
    fc.assert(
      fc.property(manifest, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, position, flip) => {
        const bytes = encodeManifest(value)
        const other = bytes.slice()
        other[position % bytes.length]! ^= flip
        let decoded: NativeManifest | undefined
        try {
          decoded = decodeManifest(other)
        } catch (error) {
          expect(error).toMatchObject({ code: 'manifest-invalid' })
        }
        if (decoded) expect(hex(encodeManifest(decoded))).toBe(hex(other))
        expect(() => decodeManifest(bytes.slice(0, position % bytes.length))).toThrow(
          expect.objectContaining({ code: 'manifest-invalid' }),
        )
      }),
    )
  })
})
