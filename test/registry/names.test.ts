/** Names are parsed once, at the edge: what is no name never gets further. */
import { describe, expect, it } from 'vitest'
import { isRegistryError } from '../../src/registry/index.ts'
import {
  isTag,
  parseReference,
  parseRelativePath,
  parseRepositoryName,
  parseTag,
  pathKey,
  printable,
  requireDigest,
} from '../../src/registry/names.ts'
import { repositoryOf } from '../../src/registry/repositories.ts'

function codeOf(parse: () => unknown): string {
  try {
    parse()
    return 'accepted'
  } catch (error) {
    if (isRegistryError(error)) return error.code
    throw error
  }
}

describe('a repository name', () => {
  it.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a..b',
    'a___b',
    '-a',
    'a-',
    'a.',
    '_a',
    'ä',
    'a b',
    'a\n',
    'a'.repeat(256),
    'a/../b',
  ])('is not %j', (text) => expect(codeOf(() => parseRepositoryName(text))).toBe('name-invalid'))
  it.each(['a', 'a/b', 'a/b/c/d', 'a.b_c__d-e--f', '0/1', 'a'.repeat(255), 'library/blobs/uploads/manifests'])(
    'may be %j',
    (text) => expect(parseRepositoryName(text)).toBe(text),
  )
  it('is refused in linear time however hostile it is', () => {
    const started = performance.now()
    for (const text of [`${'a-'.repeat(120)}!`, `${'a__'.repeat(80)}!`, '-'.repeat(255)])
      codeOf(() => parseRepositoryName(text))
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('a tag, a digest and a reference', () => {
  it('are told apart by the colon', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(parseReference(digest)).toEqual({ digest })
    expect(parseReference('v1')).toEqual({ tag: 'v1' })
    for (const text of [
      'sha256:',
      ':',
      'md5:0',
      `sha256:${'A'.repeat(64)}`,
      `sha256:${'a'.repeat(63)}`,
      `${digest} `,
    ]) {
      expect(codeOf(() => parseReference(text))).toBe('digest-invalid')
      expect(codeOf(() => requireDigest(text))).toBe('digest-invalid')
    }
  })
  it.each(['', '.a', '-a', 'a/b', 'a b', 'ä', 'a'.repeat(129), 'a\n'])('no tag is %j', (text) => {
    expect([isTag(text), codeOf(() => parseTag(text))]).toEqual([false, 'tag-invalid'])
  })
  it.each(['a', '_a', 'A.b-c_D', 'a'.repeat(128), '1'])('a tag may be %j', (text) => expect(parseTag(text)).toBe(text))
})

describe('a path in a package', () => {
  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/..',
    '../a',
    'a/./b',
    'a\\b',
    'C:',
    'a:b',
    'c:/a',
    'a\0',
    'a\n',
    'a\u007f',
    'a\u0085',
    '\ud800',
    'a'.repeat(256),
    `${'a/'.repeat(512)}b`,
    'é'.repeat(128),
    '\u{1d160}'.repeat(60).concat('/').repeat(5).slice(0, -1),
  ])('is not %j', (text) => expect(codeOf(() => parseRelativePath(text))).toBe('path-invalid'))
  it.each([
    'a',
    'a b',
    '...',
    'a/b.c/d',
    ' ',
    '-rf',
    'a'.repeat(255),
    `${'a/'.repeat(511)}bc`,
    'cafe\u0301',
    '日本',
    '\u{1f600}',
    'ab:c',
    'aux',
  ])('may be %j and is kept byte for byte', (text) => expect(parseRelativePath(text)).toBe(text))
  it('is the same file as one that differs in Unicode form only', () => {
    expect(pathKey(parseRelativePath('cafe\u0301'))).toBe(pathKey(parseRelativePath('café')))
    expect(pathKey(parseRelativePath('a'))).not.toBe(pathKey(parseRelativePath('A')))
  })
})

describe('text in an error', () => {
  it('is bounded and cannot forge a line or a terminal sequence', () => {
    expect(printable('a\n\u001b[31mb\ud800')).toBe('a\ufffd\ufffd[31mb\ufffd')
    expect(printable('x'.repeat(500))).toHaveLength(121)
  })
})

describe('the repository of a producer and a name', () => {
  it.each([
    ['Ops', 'My Site', 'ops/my-site'],
    ['ops', 'a/b', 'ops/a/b'],
    ['--o--', '..a..', 'o/a'],
    ['a1', 'İstanbul', 'a1/i-stanbul'],
  ])('%s and %s is %s', (producer, name, repository) => expect(repositoryOf(producer, name)).toBe(repository))
  it.each([
    ['a/b', 'c'],
    ['', 'c'],
    ['ä', 'c'],
    ['a', '日本'],
    ['a', '/'],
    ['a', 'b/'],
    ['a', 'x'.repeat(254)],
  ])('%s and %s is none', (producer, name) => expect(codeOf(() => repositoryOf(producer, name))).toBe('field-invalid'))
})
