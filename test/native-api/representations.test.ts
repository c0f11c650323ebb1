import { describe, expect, it } from 'vitest'
import type { ApiRequest } from '../../src/http/index.ts'
import { hostOf, packageJson } from '../../src/native-api/representations.ts'
import type { FinalizedJson } from '../../src/native-api/wire.ts'
import type { Package } from '../../src/registry/index.ts'
import { openDoor } from './native-fixture.ts'

const PACKAGE: Package = {
  id: 'p-1',
  origin: 'native',
  status: 'finalized',
  name: 'n',
  producer: 'p',
  subject: 's',
  retentionClass: 'transient',
  expiresAt: null,
  metadata: {},
  fileCount: 30_000,
  totalSize: 1,
  manifestDigest: null,
  repository: 'p/n' as Package['repository'],
  oci: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  createdBy: 'ci',
  finalizedAt: null,
  lastEventSequence: 1,
}

it('the host of a reference is the one of the origin under which the request came', () => {
  expect(hostOf({ origin: 'https://here.example:5000' } as ApiRequest)).toBe('here.example:5000')
})

describe('a package without an OCI face', () => {
  it('says why once it is finalized, and says nothing while it is open or when it is gone', () => {
    expect(packageJson(PACKAGE, 'h').oci_absent_reason).toMatch(/4 MiB/)
    expect(packageJson({ ...PACKAGE, status: 'created' }, 'h')).not.toHaveProperty('oci_absent_reason')
    expect(packageJson({ ...PACKAGE, status: 'deleted' }, 'h')).not.toHaveProperty('oci_absent_reason')
  })

  it("is finalized with the registry's own reason in the answer", async () => {
    await using door = await openDoor({
      wrap: (registry) => ({
        ...registry,
        packages: {
          ...registry.packages,
          finalize: async () => ({
            package: PACKAGE,
            manifestDigest: `blake3:${'0'.repeat(64)}` as Package['manifestDigest'] & string,
            ociAbsentReason: 'Too many files.',
          }),
        },
      }),
    })
    const { json } = await door.send('POST', '/packages/p-1/finalize')
    const closed = json as FinalizedJson
    expect(closed).toMatchObject({ oci: null, oci_absent_reason: 'Too many files.' })
    expect(closed.package.oci_absent_reason).toBe('Too many files.')
  })
})
