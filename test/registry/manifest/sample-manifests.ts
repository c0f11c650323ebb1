/** Native manifests to test with: small, awkward and large ones. */
import type { NativeManifest, NativeManifestFile } from '../../../src/registry/manifest/native-manifest.ts'
import type { RelativePath, RepositoryName } from '../../../src/registry/names.ts'
import { type Digest, digestBytes } from '../../../src/storage/index.ts'

export function fileOf(path: string, content: string, more: Partial<NativeManifestFile> = {}): NativeManifestFile {
  const { blake3, sha256, size } = digestBytes(new TextEncoder().encode(content))
  return { relative_path: path as RelativePath, media_type: 'text/plain', size, blake3, sha256, ...more }
}

export function manifestOf(files: readonly NativeManifestFile[], more: Partial<NativeManifest> = {}): NativeManifest {
  return {
    manifest_version: 1,
    package: {
      id: '01980000-0000-7000-8000-000000000001',
      name: 'nightly-run',
      producer: 'ops',
      subject: 'example.org',
      repository: 'ops/nightly-run' as RepositoryName,
      retention_class: 'raw-evidence',
      metadata: {},
      created_at: '2026-01-31T12:00:00.000Z',
    },
    files,
    storage_receipts: files.map(({ blake3 }) => ({ blake3, backend_id: 'local' })),
    retention_summary: {
      retention_class: 'raw-evidence',
      expires_at: '2026-05-01T12:00:00.000Z',
      default_duration_seconds: 7_776_000,
    },
    provenance: {
      created_by: 'ci',
      finalized_by: 'ci',
      finalized_at: '2026-01-31T12:00:01.500Z',
      generator: 'artifact-store/0.1.0',
    },
    ...more,
  }
}

export const SMALL = manifestOf([fileOf('report.txt', 'hello\n')])

/** Names, sizes, modes and metadata at the edges of what is allowed. */
export const AWKWARD: NativeManifest = {
  ...manifestOf([
    fileOf('a b/ü 水 🙂.txt', 'unicode', { mode: 0o644 }),
    fileOf('a/empty', '', { media_type: 'application/octet-stream', mode: 0 }),
    fileOf('a/empty too', '', { media_type: 'application/octet-stream', mode: 0o7777 }),
    fileOf('e\u0301', 'decomposed'),
    fileOf(`${'d'.repeat(255)}/${'f'.repeat(255)}`, 'long', { media_type: 'text/plain; charset=utf-8' }),
    fileOf('z/\uffff', 'U+FFFF sorts before', { size: Number.MAX_SAFE_INTEGER }),
    fileOf('z/\u{10000}', 'U+10000 in UTF-8, after it in UTF-16'),
  ]),
  package: {
    ...SMALL.package,
    name: 'Näme',
    subject: 'urn:example:ü',
    metadata: {
      '': 'empty name',
      '\u20ac': 'Euro',
      '\r': 'control',
      '\u{1f600}': 'emoji',
      '\ufb33': 'Hebrew',
      '1': 'one',
      b: [null, true, false, 0, -1, 1.5, 0.1, 1e-7, 5e-324, 1.7976931348623157e-300, Number.MIN_SAFE_INTEGER],
      a: { nested: { deep: ['\\', '"', '/', '\u007f', '\u2028'] } },
    },
  },
  retention_summary: { retention_class: 'permanent-record', expires_at: null, default_duration_seconds: null },
}

/** `count` small files with paths of 35 characters, a distinct blob each, already in canonical order. */
export function manifestOfFiles(count: number, more: Partial<NativeManifestFile> = {}): NativeManifest {
  return manifestOf(
    Array.from({ length: count }, (_, i) => {
      const hex = i.toString(16).padStart(64, '0')
      return {
        relative_path: `evidence/run-0001/part-${String(i).padStart(7, '0')}.json` as RelativePath,
        media_type: 'application/json',
        size: 1024 + i,
        blake3: `blake3:${hex}` as Digest,
        sha256: `sha256:${hex}` as Digest,
        ...more,
      }
    }),
  )
}
