/** Builds the published test vectors from the code, so that a change of the code that changes bytes shows as a diff. */
import { encodeCanonical } from '../../../src/registry/manifest/canonical-cbor.ts'
import { encodeManifest, manifestToJcs, type NativeManifest } from '../../../src/registry/manifest/native-manifest.ts'
import { toOciManifest } from '../../../src/registry/manifest/oci-mapping.ts'
import { digestBytes } from '../../../src/storage/index.ts'
import { AWKWARD, fileOf, manifestOf, SMALL } from './sample-manifests.ts'

/** File name below `schemas/vectors/` to its text. */
export function vectorFiles(): Readonly<Record<string, string>> {
  return {
    'values.json': asFile(VALUES.map(([name, value]) => ({ name, json: value, cbor: hex(encodeCanonical(value)) }))),
    'manifests.json': asFile(MANIFESTS.map(([name, manifest]) => manifestVector(name, manifest))),
    'refused.json': asFile(REFUSED.map(([name, cbor, reason]) => ({ name, cbor: cbor.replaceAll(' ', ''), reason }))),
  }
}

const VALUES: readonly (readonly [string, unknown])[] = [
  ['zero', 0],
  ['the largest integer in the head', 23],
  ['the smallest integer in a byte', 24],
  ['the largest integer in a byte', 255],
  ['the smallest integer in two bytes', 256],
  ['the smallest integer in four bytes', 65_536],
  ['the smallest integer in eight bytes', 4_294_967_296],
  ['the largest integer', Number.MAX_SAFE_INTEGER],
  ['minus one', -1],
  ['the smallest integer', Number.MIN_SAFE_INTEGER],
  ['a half-precision float', 1.5],
  ['a subnormal half-precision float', 2 ** -24],
  ['a single-precision float', 2 ** -25],
  ['a double-precision float', 0.1],
  ['the smallest double', 5e-324],
  ['literals', [null, true, false]],
  ['empty text, list and map', ['', [], {}]],
  ['text beyond ASCII', 'ü 水 \u{1f642}'],
  ['text in two Unicode forms, both kept', ['\u00e9', 'e\u0301']],
  ['a byte order mark is a character', '\ufeffa'],
  ['keys by length, then by UTF-8 bytes', { b: 1, aa: 2, a: 3, '\uffff': 4, '\u{10000}': 5, '\ue000': 6 }],
  ['a key that JavaScript treats specially', JSON.parse('{"__proto__":{"a":1}}')],
]

const MANIFESTS: readonly (readonly [string, NativeManifest])[] = [
  ['one file', SMALL],
  ['names, sizes, modes and metadata at the edges', AWKWARD],
  ['two files with the same bytes', manifestOf([fileOf('a', 'same'), fileOf('b/a', 'same', { mode: 0o755 })])],
]

/** The profile's rules, each broken at least once. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  ['no bytes', '', 'the document ends too early'],
  ['trailing byte', '01 00', 'bytes follow the document'],
  ['integer not in its shortest form', '18 17', 'an integer or length is not in its shortest form'],
  ['negative integer not in its shortest form', '38 17', 'an integer or length is not in its shortest form'],
  ['length not in its shortest form', '78 01 61', 'an integer or length is not in its shortest form'],
  ['2^53', '1b 0020000000000000', 'an integer is outside -(2^53-1) to 2^53-1'],
  ['-(2^53)', '3b 001fffffffffffff', 'an integer is outside -(2^53-1) to 2^53-1'],
  ['keys out of order', 'a2 6162 01 6161 02', 'map keys are not in bytewise order'],
  ['longer key first', 'a2 626161 01 6162 02', 'map keys are not in bytewise order'],
  ['repeated key', 'a2 6161 01 6161 02', 'a map key stands twice'],
  ['integer key', 'a1 01 02', 'a map key is not text'],
  ['indefinite array', '9f 01 ff', 'indefinite lengths are not allowed'],
  ['indefinite map', 'bf 6161 01 ff', 'indefinite lengths are not allowed'],
  ['indefinite text', '7f 6161 ff', 'indefinite lengths are not allowed'],
  ['tag', 'c0 60', 'tags are not allowed'],
  ['bignum', 'c2 49 010000000000000000', 'tags are not allowed'],
  ['undefined', 'f7', 'undefined is not allowed'],
  ['simple value', 'f0', 'simple values other than false, true and null are not allowed'],
  ['integer as float', 'f9 3c00', 'an integer is written as a float'],
  ['minus zero', 'f9 8000', 'an integer is written as a float'],
  ['float that fits two bytes in four', 'fa 3fc00000', 'a float is not in its shortest form'],
  ['float that fits four bytes in eight', 'fb 3e60000000000000', 'a float is not in its shortest form'],
  ['NaN', 'f9 7e00', 'NaN and infinities are not allowed'],
  ['infinity', 'f9 7c00', 'NaN and infinities are not allowed'],
  ['invalid UTF-8', '61 ff', 'text is not valid UTF-8'],
  ['surrogate in UTF-8', '63 eda080', 'text is not valid UTF-8'],
  ['33 levels', `${'81'.repeat(33)} 01`, 'it is nested deeper than 32 levels'],
]

function manifestVector(name: string, manifest: NativeManifest): object {
  const cbor = encodeManifest(manifest)
  const digests = digestBytes(cbor)
  const oci = toOciManifest(manifest, digests)
  if (!oci.bytes) throw new Error(`the vector '${name}' has no OCI manifest: ${oci.absentReason}`)
  return {
    name,
    jcs: manifestToJcs(cbor),
    cbor: hex(cbor),
    ...digests,
    oci: Buffer.from(oci.bytes).toString(),
    oci_sha256: digestBytes(oci.bytes).sha256,
  }
}

// Escaped to ASCII: editors and version control leave both Unicode forms of a name alone then.
function asFile(vectors: readonly object[]): string {
  const json = JSON.stringify(vectors, null, 1)
  return `${json.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
