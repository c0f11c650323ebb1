/** What real cosign wrote, as `test/clients/record-signatures.ts` recorded it: texts, byte for byte. */
import { readFileSync } from 'node:fs'

export interface RecordedSignatures {
  /** Its version. */
  readonly cosign: string
  /** PEM of the key `release`, which signed and attested; `stranger`, which signed too, is not kept. */
  readonly key: string
  /** Of the attestation. */
  readonly predicateType: string
  /** The OCI manifest of the signed package. */
  readonly subject: string
  readonly referrers: readonly {
    readonly manifest: string
    /** By digest. */
    readonly layers: Readonly<Record<string, string>>
  }[]
}

export function recordedSignatures(version: 2 | 3): RecordedSignatures {
  const file = new URL(`../fixtures/signing/cosign-${version}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as RecordedSignatures
}
