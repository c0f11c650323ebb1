import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/registry/database/sql.ts'
import { createManifestCache } from '../../src/registry/manifest-cache.ts'
import { parseReference } from '../../src/registry/names.ts'
import type { Manifest } from '../../src/registry/registry.ts'

function manifest(size = 10): Manifest {
  return { packageId: 'p', digest: 'sha256:x', mediaType: 'a/b', size, bytes: new Uint8Array() } as unknown as Manifest
}
function over(version: () => number) {
  const cache = createManifestCache({ readVersion: version } as Database)
  if (!cache) throw new Error('no cache')
  return cache
}
const latest = parseReference('latest')

describe('kept manifests', () => {
  test('are forgotten when the database changed, and not kept under a version they were not read at', () => {
    let version = 1
    const cache = over(() => version)
    expect(cache.find('a', latest)).toBeUndefined()
    cache.keep('a', latest, manifest())
    expect(cache.find('a', latest)).toEqual(manifest())
    version = 2
    cache.keep('a', parseReference('v2'), manifest())
    expect([cache.find('a', latest), cache.find('a', parseReference('v2'))]).toEqual([undefined, undefined])
  })

  test('do not grow beyond their limit', () => {
    const cache = over(() => 1)
    cache.find('a', latest)
    cache.keep('a', latest, manifest(8 * 1024 * 1024 + 1))
    expect(cache.find('a', latest)).toBeUndefined()
  })

  test('belong to one repository and one reference', () => {
    const cache = over(() => 1)
    cache.find('a', latest)
    cache.keep('a', latest, manifest())
    expect([cache.find('b', latest), cache.find('a', parseReference('v1'))]).toEqual([undefined, undefined])
  })

  test('do not exist where the engine cannot tell what changed', () => {
    expect(createManifestCache({} as Database)).toBeUndefined()
  })
})
