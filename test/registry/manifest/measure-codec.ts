/** Prints the figures of ADR 0003: `node test/registry/manifest/measure-codec.ts`. */
import { Encoder as CborX } from 'cbor-x'
import { decode as cbor2Decode, encode as cbor2Encode } from 'cbor2'
import { decodeCanonical, encodeCanonical } from '../../../src/registry/manifest/canonical-cbor.ts'
import {
  decodeManifest,
  encodeManifest,
  manifestFromJcs,
  manifestToJcs,
} from '../../../src/registry/manifest/native-manifest.ts'
import { toOciManifest } from '../../../src/registry/manifest/oci-mapping.ts'
import { digestBytes } from '../../../src/storage/index.ts'
import { manifestOfFiles } from './sample-manifests.ts'

const PAYLOAD = {
  package_id: '01980000-0000-7000-8000-000000000001',
  relative_path: 'reports/summary.json',
  media_type: 'application/json',
  size: 123_456,
  blake3: `blake3:${'ab'.repeat(32)}`,
  sha256: `sha256:${'cd'.repeat(32)}`,
  mode: 420,
  backend_id: 'local',
  location_id: '01980000-0000-7000-8000-000000000002',
  is_new: true,
}

/** The best of three, so that what else the machine does counts less. */
function best(run: () => number): number {
  return Math.max(run(), run(), run())
}

function perSecond(action: () => unknown): number {
  return best(() => {
    const count = 50_000
    const start = process.cpuUsage()
    for (let i = 0; i < count; i++) action()
    return Math.round(count / (process.cpuUsage(start).user / 1e6) / 1000) * 1000
  })
}

function milliseconds(action: () => unknown): number {
  return -best(() => {
    const start = process.cpuUsage()
    action()
    return -Math.round(process.cpuUsage(start).user / 1000)
  })
}

function print(rows: Record<string, string | number>): void {
  for (const [name, figure] of Object.entries(rows)) process.stdout.write(`${name.padEnd(52)}${figure}\n`)
}

const profile = { dcbor: true, stringNormalization: undefined, rejectStringsNotNormalizedAs: undefined } as const
const cborX = new CborX({ useRecords: false, mapsAsObjects: true })
const payload = encodeCanonical(PAYLOAD)
print({
  'payload of 10 fields, bytes': payload.length,
  'own encode, /s of one core': perSecond(() => encodeCanonical(PAYLOAD)),
  'own decode with re-encoding, /s': perSecond(() => decodeCanonical(payload)),
  'cbor2 encode (dcbor), /s': perSecond(() => cbor2Encode(PAYLOAD, profile)),
  'cbor2 decode (dcbor), no re-encoding, /s': perSecond(() => cbor2Decode(payload, profile)),
  'cbor-x encode (not canonical), /s': perSecond(() => cborX.encode(PAYLOAD)),
  'JSON.stringify, /s': perSecond(() => JSON.stringify(PAYLOAD)),
})
const large = manifestOfFiles(100_000, { mode: 0o644 })
const bytes = encodeManifest(large)
const text = manifestToJcs(bytes)
print({
  'manifest of 100,000 files, bytes': bytes.length,
  'bytes a file, 98 of them its receipt': Math.round(bytes.length / 100_000),
  'encode, ms': milliseconds(() => encodeManifest(large)),
  'decode with re-encoding, ms': milliseconds(() => decodeManifest(bytes)),
  'to JCS, ms': milliseconds(() => manifestToJcs(bytes)),
  'from JCS, ms': milliseconds(() => manifestFromJcs(text)),
})
const config = digestBytes(bytes)
for (const count of [11_000, 12_000, 13_000, 19_000, 20_000]) {
  const oci = toOciManifest(manifestOfFiles(count, { mode: 0o644 }), config)
  print({ [`OCI manifest of ${count} files, bytes`]: oci.bytes?.length ?? 'none' })
}
