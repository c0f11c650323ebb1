/** One test for each row of "Where an OCI push says nothing" (docs/architecture.md). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OCI_INDEX, OCI_MANIFEST } from '../../../src/registry/manifest/media-types.ts'
import { parseManifest } from '../../../src/registry/manifest/oci-manifest.ts'
import { filesOf, packageFactsOf } from '../../../src/registry/manifest/oci-manifest-facts.ts'
import { parseRepositoryName, pathKey, pathProblem } from '../../../src/registry/names.ts'

const hexOf = (i: number) => i.toString(16).padStart(64, '0')
const TITLE = 'org.opencontainers.image.title'

interface Layer {
  readonly title?: string | undefined
  readonly digest?: string
  readonly mode?: string
}

function imageOf(layers: readonly Layer[], annotations?: Record<string, string>) {
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${hexOf(999)}`, size: 2 },
    layers: layers.map(({ title, digest, mode }, i) => ({
      mediaType: 'text/plain',
      digest: digest ?? `sha256:${hexOf(i)}`,
      size: i,
      annotations: {
        ...(title === undefined ? {} : { [TITLE]: title }),
        ...(mode ? { 'vnd.artifactstore.mode': mode } : {}),
      },
    })),
    ...(annotations ? { annotations } : {}),
  }
  return parseManifest(new TextEncoder().encode(JSON.stringify(document)))
}

const facts = (repository: string, annotations?: Record<string, string>) =>
  packageFactsOf(parseRepositoryName(repository), imageOf([], annotations), 'user-managed')
const paths = (layers: readonly Layer[]) => filesOf(imageOf(layers)).map((file) => file.path)

describe('the producer of an OCI push', () => {
  it('is the first path segment of the repository', () => expect(facts('team/app/report').producer).toBe('team'))
  it('is the repository where it has one segment', () => expect(facts('report').producer).toBe('report'))
  it('is not what an annotation claims', () => {
    expect(facts('team/app', { 'vnd.artifactstore.producer': 'other', 'vnd.artifactstore.name': 'x' })).toMatchObject({
      producer: 'team',
      name: 'app',
    })
  })
})

describe('the name of an OCI push', () => {
  it('is the rest of the repository', () => expect(facts('team/app/report').name).toBe('app/report'))
  it('is the repository where it has one segment', () => expect(facts('report').name).toBe('report'))
})

describe('the subject of an OCI push', () => {
  const source = { 'org.opencontainers.image.source': 'https://git.example/app' }
  it('is the annotation vnd.artifactstore.subject', () => {
    expect(facts('team/app', { ...source, 'vnd.artifactstore.subject': 'example.org' }).subject).toBe('example.org')
  })
  it('else org.opencontainers.image.source, also where the first is empty', () => {
    expect(facts('team/app', source).subject).toBe('https://git.example/app')
    expect(facts('team/app', { ...source, 'vnd.artifactstore.subject': '' }).subject).toBe('https://git.example/app')
  })
  it('else the repository', () => expect(facts('team/app').subject).toBe('team/app'))
})

describe('the metadata of an OCI push', () => {
  it('is its annotations', () => expect(facts('a', { k: 'v', ü: '' }).metadata).toEqual({ k: 'v', ü: '' }))
  it('is empty without annotations', () => expect(facts('a').metadata).toEqual({}))
})

describe('the retention class of an OCI push', () => {
  it('is the annotation vnd.artifactstore.retention-class, known or not', () => {
    expect(facts('a', { 'vnd.artifactstore.retention-class': 'raw-evidence' }).retentionClass).toBe('raw-evidence')
    expect(facts('a', { 'vnd.artifactstore.retention-class': 'nonsense' }).retentionClass).toBe('nonsense')
  })
  it('else the configured default', () => expect(facts('a').retentionClass).toBe('user-managed'))
})

describe('the files of an OCI push', () => {
  it('are its layers, under their titles', () => {
    expect(filesOf(imageOf([{ title: 'a b/ü.txt', mode: '0755' }, { title: 'c' }]))).toEqual([
      { path: 'a b/ü.txt', mediaType: 'text/plain', size: 0, digest: `sha256:${hexOf(0)}`, position: 0, mode: 0o755 },
      { path: 'c', mediaType: 'text/plain', size: 1, digest: `sha256:${hexOf(1)}`, position: 1 },
    ])
  })

  it('are named by digest without a title', () => expect(paths([{}])).toEqual([`sha256:${hexOf(0)}`]))

  it.each([
    '',
    '/etc/passwd',
    '../x',
    'a/../b',
    'C:\\x',
    'a\\b',
    'a\nb',
    'a\0b',
    'a//b',
    './a',
    'x'.repeat(256),
    '\ud800',
  ])('are named by digest where the title %j is no path', (title) =>
    expect(paths([{ title }])).toEqual([`sha256:${hexOf(0)}`]),
  )

  it('are named by digest where the title is taken, also in another Unicode form', () => {
    expect(paths([{ title: 'a' }, { title: 'a' }])).toEqual(['a', `sha256:${hexOf(1)}`])
    expect(paths([{ title: 'e\u0301' }, { title: '\u00e9' }])).toEqual(['e\u0301', `sha256:${hexOf(1)}`])
  })

  it('are named by digest and index where the digest is taken too', () => {
    const digest = `sha256:${hexOf(7)}`
    expect(paths([{ digest }, { digest }, { digest }])).toEqual([digest, `${digest}-1`, `${digest}-2`])
    expect(
      paths([{ title: `${digest}-1` }, { digest }, { title: digest, digest }, { title: `${digest}-3` }, { digest }]),
    ).toEqual([`${digest}-1`, digest, `${digest}-2`, `${digest}-3`, `${digest}-4`])
    expect(paths([{ title: digest }, { digest }])).toEqual([digest, `${digest}-1`])
    expect(paths([{ title: digest }, { title: `${digest}-2` }, { digest }])).toEqual([
      digest,
      `${digest}-2`,
      `${digest}-2-2`,
    ])
  })

  it('get a name also where a digest of a foreign algorithm is no path', () => {
    expect(paths([{ digest: 'x:abc' }, { digest: `multi:${'q'.repeat(300)}` }])).toEqual(['unnamed-0', 'unnamed-1'])
  })

  it('have a mode only where the annotation is one', () => {
    const modes = ['0644', '644', '04755', '0888', '77777', '', '-644', '0x1ff'].map(
      (mode) => filesOf(imageOf([{ title: 'a', mode }]))[0]!.mode,
    )
    expect(modes).toEqual([0o644, 0o644, 0o4755, undefined, undefined, undefined, undefined, undefined])
  })

  it('are none for an index', () => {
    const child = { mediaType: OCI_MANIFEST, digest: `sha256:${hexOf(1)}`, size: 3 }
    const index = parseManifest(
      new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] })),
    )
    expect(filesOf(index)).toEqual([])
    expect(packageFactsOf(parseRepositoryName('team/app'), index, 'user-managed')).toMatchObject({ producer: 'team' })
  })

  it('have valid and different paths, whatever the titles and digests are', () => {
    const digest = fc.constantFrom(`sha256:${hexOf(1)}`, `sha256:${hexOf(2)}`, 'x:1')
    const title = fc.option(
      fc.oneof(
        digest,
        fc.constantFrom('a', 'b/c', '../x', 'unnamed-1', `sha256:${hexOf(1)}-1`, `sha256:${hexOf(1)}-1-1`),
        fc.string(),
      ),
      { nil: undefined },
    )
    fc.assert(
      fc.property(fc.array(fc.record({ title, digest }), { maxLength: 12 }), (layers) => {
        const files = filesOf(imageOf(layers))
        expect(files.map((file) => pathProblem(file.path))).toEqual(layers.map(() => undefined))
        expect(new Set(files.map((file) => pathKey(file.path))).size).toBe(layers.length)
      }),
    )
  })
})
