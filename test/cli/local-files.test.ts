import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseExclusions } from '../../src/cli/exclude.ts'
import { CliError } from '../../src/cli/failure.ts'
import { hashFiles, requireUnchanged } from '../../src/cli/hash-files.ts'
import { mediaTypeOf, pathProblem } from '../../src/cli/paths.ts'
import { readTree } from '../../src/cli/tree.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tree-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function put(path: string, content = path, mode = 0o644): void {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), content)
  chmodSync(join(root, path), mode)
}

async function refusalOf(work: Promise<unknown>): Promise<CliError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(CliError)
  return outcome as CliError
}

describe('a tree that cannot be stored whole is refused, naming everything', () => {
  test('links out of it, to nothing and to folders; sockets; names that are not UTF-8', async () => {
    put('in/a')
    symlinkSync('/etc/hostname', join(root, 'out'))
    symlinkSync('nowhere', join(root, 'dangling'))
    symlinkSync('in', join(root, 'folder'))
    symlinkSync('..', join(root, 'up'))
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x6c, 0xe9, 0x67])]), 'latin-1')
    const socket = createServer().listen(join(root, 'socket'))
    await new Promise((resolve) => socket.once('listening', resolve))
    const { failure } = await refusalOf(readTree(root))
    socket.close()
    expect(failure.exit).toBe(2)
    expect(failure.message.split('\n').sort()).toEqual(
      [
        'a package cannot hold:',
        '  - dangling: it is a link to nothing',
        '  - folder: it is a link to what is no regular file',
        '  - l\ufffdg: its name is not UTF-8 (6ce967)',
        '  - out: it is a link out of the folder',
        '  - socket: it is a socket, pipe or device',
        '  - up: it is a link out of the folder',
      ].sort(),
    )
  })

  test('a link into a folder whose name only begins like the root', async () => {
    const sibling = `${root}-sibling`
    mkdirSync(sibling)
    writeFileSync(join(sibling, 'x'), 'x')
    symlinkSync(join(sibling, 'x'), join(root, 'x'))
    const { failure } = await refusalOf(readTree(root))
    rmSync(sibling, { recursive: true })
    expect(failure.message).toContain('x: it is a link out of the folder')
  })

  test('two names that differ in Unicode composition only, and control characters', async () => {
    put('caf\u00e9')
    put('cafe\u0301')
    put('bell\u0007')
    const { failure } = await refusalOf(readTree(root))
    expect(failure.message).toContain('equals another name but for Unicode composition')
    expect(failure.message).toContain('it holds a control character')
  })

  test('unless it is excluded', async () => {
    put('a')
    symlinkSync('/etc/hostname', join(root, 'out'))
    expect((await readTree(root, ['out'])).files.map(({ path }) => path)).toEqual(['a'])
  })
})

describe('a tree', () => {
  test('is in byte order of its paths, which is neither locale order nor UTF-16 order', async () => {
    for (const path of ['b', 'B', 'a/z', 'a.b', 'ä', '\u{1f600}', '\uff61', 'with space']) put(path)
    const { files } = await readTree(root)
    expect(files.map(({ path }) => path)).toEqual(['B', 'a.b', 'a/z', 'b', 'with space', 'ä', '\uff61', '\u{1f600}'])
  })

  test('keeps permission bits and drops set-id', async () => {
    put('run', '#!', 0o4755)
    put('secret', 's', 0o600)
    const { files } = await readTree(root)
    expect(files.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ['run', '755'],
      ['secret', '600'],
    ])
  })

  test('takes a link to one of its files as that content', async () => {
    put('data/v1', 'first')
    symlinkSync('data/v1', join(root, 'latest'))
    const { files } = await readTree(root)
    const hashed = await hashFiles(files, { width: 2, onBytes: () => {} })
    expect(hashed.map(({ path }) => path)).toEqual(['data/v1', 'latest'])
    expect(hashed[0]!.digest).toBe(hashed[1]!.digest)
  })

  test('reports empty folders, also those that exclusion empties', async () => {
    put('a/keep')
    put('b/drop.tmp')
    mkdirSync(join(root, 'c/d'), { recursive: true })
    expect(await readTree(root, ['*.tmp'])).toMatchObject({ files: [{ path: 'a/keep' }], emptyFolders: ['b', 'c/d'] })
  })
})

describe('files that change', () => {
  test('between walk and hash, or hash and upload', async () => {
    put('a', 'one')
    const { files } = await readTree(root)
    writeFileSync(join(root, 'a'), 'other')
    const failed = await refusalOf(hashFiles(files, { width: 1, onBytes: () => {} }))
    expect(failed.failure).toMatchObject({ exit: 7, message: expect.stringContaining('a changed while') })

    const again = await readTree(root)
    await hashFiles(again.files, { width: 1, onBytes: () => {} })
    utimesSync(join(root, 'a'), 1, 1)
    expect((await refusalOf(requireUnchanged(again.files[0]!))).failure.exit).toBe(7)
  })
})

test('hashes are SHA-256 and every byte is counted', async () => {
  put('empty', '')
  put('abc', 'abc')
  let bytes = 0
  const count = (more: number) => {
    bytes += more
  }
  const hashed = await hashFiles((await readTree(root)).files, { width: 4, onBytes: count })
  expect(hashed.map(({ digest }) => digest)).toEqual([
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ])
  expect(bytes).toBe(3)
})

describe('exclusion', () => {
  test.each([
    ['*.tmp', ['a.tmp', 'x/.hidden.tmp', 'x/y/b.tmp'], ['a.tmpx', 'tmp']],
    ['.git', ['.git', 'sub/.git'], ['x.git', '.gitignore']],
    ['node_modules/', ['node_modules', 'a/node_modules'], ['node_modules2']],
    ['/build', ['build'], ['a/build']],
    ['logs/*.log', ['logs/a.log'], ['logs/x/a.log', 'x/logs/a.log', 'a.log']],
    ['**/cache/*', ['cache/x', 'a/b/cache/x'], ['cache', 'a/cache/x/y']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'b/a/c']],
    ['v[0-9].?', ['v1.x'], ['v10.x', 'va.x']],
    ['v[!0-9]', ['va'], ['v1']],
    ['a+(b).c', ['a+(b).c'], ['aab.c']],
  ])('%s', (pattern, inside, outside) => {
    const isExcluded = parseExclusions([pattern])
    expect(inside.filter((path) => !isExcluded(path))).toEqual([])
    expect(outside.filter(isExcluded)).toEqual([])
  })

  test('a pattern that is none', () => {
    expect(() => parseExclusions([''])).toThrow(CliError)
    expect(() => parseExclusions(['[z-a]'])).toThrow(CliError)
  })
})

test.each([
  ['', 'empty'],
  ['/etc/passwd', 'absolute'],
  ['C:/x', 'absolute'],
  ['a/../b', "'..'"],
  ['./a', "'.'"],
  ['a//b', 'empty segment'],
  ['a\\b', 'backslash'],
  ['a\u0000b', 'control'],
  ['a\u009bb', 'control'],
  ['\ud800', 'Unicode'],
  ['ä'.repeat(128), '255 bytes'],
  [`${'a/'.repeat(600)}b`, '1024 bytes'],
])('the path %j is refused', (path, says) => {
  expect(pathProblem(path)).toContain(says)
})

test.each(['a', 'a b/ä.txt', '..a', 'a..', '-', `${'d'.repeat(255)}/x`])('the path %j is fine', (path) => {
  expect(pathProblem(path)).toBeUndefined()
})

test('media types by ending', () => {
  expect([mediaTypeOf('a/b.JSON'), mediaTypeOf('a.b/c'), mediaTypeOf('.json'), mediaTypeOf('x.unknown')]).toEqual([
    'application/json',
    'application/octet-stream',
    'application/json',
    'application/octet-stream',
  ])
})
