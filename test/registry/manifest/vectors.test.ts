import { readFileSync } from 'node:fs'
import { decode as cbor2Decode, encode as cbor2Encode } from 'cbor2'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../../src/registry/manifest/canonical-cbor.ts'
import {
  decodeManifest,
  encodeManifest,
  manifestFromJcs,
  manifestToJcs,
} from '../../../src/registry/manifest/native-manifest.ts'
import { digestBytes } from '../../../src/storage/index.ts'
import { vectorFiles } from './vectors.ts'

const read = (name: string) => readFileSync(new URL(`../../../schemas/vectors/${name}`, import.meta.url), 'utf8')
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const values = JSON.parse(read('values.json')) as { name: string; json: unknown; cbor: string }[]
const refused = JSON.parse(read('refused.json')) as { name: string; cbor: string; reason: string }[]
const manifests = JSON.parse(read('manifests.json')) as {
  name: string
  jcs: string
  cbor: string
  blake3: string
  sha256: string
  size: number
  oci: string
  oci_sha256: string
}[]

it.each(Object.entries(vectorFiles()))('the published %s is what the code makes', (name, text) => {
  expect(read(name)).toBe(text)
})

it.each(values)('the published bytes of $name encode and decode', ({ json, cbor }) => {
  expect(toHex(encodeCanonical(json))).toBe(cbor)
  expect(decodeCanonical(fromHex(cbor))).toEqual(json)
})

it.each(values)('another implementation agrees with the bytes of $name', ({ json, cbor }) => {
  const profile = { stringNormalization: undefined, rejectStringsNotNormalizedAs: undefined }
  expect(toHex(cbor2Encode(json, { dcbor: true, ...profile }))).toBe(cbor)
  expect(cbor2Decode(fromHex(cbor), { dcbor: true, ...profile })).toEqual(json)
})

it.each(refused)('the published refusal of $name holds', ({ cbor, reason }) => {
  expect(() => decodeCanonical(fromHex(cbor))).toThrow(
    expect.objectContaining({ code: 'manifest-invalid', detail: expect.objectContaining({ reason }) }),
  )
})

describe.each(manifests)('the published manifest of $name', (vector) => {
  const bytes = fromHex(vector.cbor)

  it('has the published digests', () => {
    const { blake3, sha256, size } = digestBytes(bytes)
    expect({ blake3, sha256, size }).toEqual({ blake3: vector.blake3, sha256: vector.sha256, size: vector.size })
    expect(digestBytes(new TextEncoder().encode(vector.oci)).sha256).toBe(vector.oci_sha256)
  })

  it('goes from CBOR to JCS and back', () => {
    expect(manifestToJcs(decodeManifest(bytes))).toBe(vector.jcs)
    expect(toHex(encodeManifest(manifestFromJcs(vector.jcs)))).toBe(vector.cbor)
  })
})
