/** Where a suite comes from. A small program stands in for Go. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { obtain, SUITES, type Surroundings } from '../../conformance/suites.ts'

let folder: string
let said: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conformance-suites-'))
  said = []
  for (const name of ['bin', 'shared/dev', 'shared/v1.1.1', 'other/conformance'])
    await mkdir(join(folder, name), { recursive: true })
  for (const name of ['shared/dev', 'shared/v1.1.1', 'other/conformance'])
    await writeFile(join(folder, name, 'go.mod'), '')
  vi.stubEnv('PATH', join(folder, 'bin'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

async function installGo(body: string): Promise<void> {
  const path = join(folder, 'bin', 'go')
  await writeFile(path, `#!/bin/sh\n${body}`)
  await chmod(path, 0o755)
}

/** Writes down how it was called and makes what `-o` names. */
const WORKING_GO = `
echo "$@" >> "$0.calls"
while [ "$1" != -o ]; do shift; done
echo '#!/bin/sh' > "$2"
/bin/chmod 755 "$2"`

const calls = async () => (await readFile(join(folder, 'bin/go.calls'), 'utf8')).trim().split('\n')
const around = (env: Record<string, string> = {}, shared = join(folder, 'shared')): Surroundings => ({
  env: { XDG_CACHE_HOME: join(folder, 'cache'), ...env },
  shared,
  repository: 'https://repository.example/suite',
  say: (line) => said.push(line),
})

test('without Go the message says what is needed and what else would do', async () => {
  await expect(obtain(SUITES.newest, around())).rejects.toThrow(
    /suite 967efdc could not be built in .*needs Go 1\.24 or later.*CONFORMANCE_SUITE\.\ngo is not installed/s,
  )
})

test('a build that fails says what Go said, and leaves nothing in the cache', async () => {
  await installGo('echo "module lookup disabled" >&2; exit 1')
  await expect(obtain(SUITES['v1.1.1'], around())).rejects.toThrow(
    /suite v1\.1\.1 could not be built.*CONFORMANCE_SUITE_1_1_1\.\ngo test said: module lookup disabled/s,
  )
  expect(await readdir(join(folder, 'cache/artifact-store-clients'))).toEqual([])
})

test('without sources and without git the message names repository, commit and variable', async () => {
  await installGo(WORKING_GO)
  await expect(obtain(SUITES.newest, around({}, join(folder, 'nowhere')))).rejects.toThrow(
    /fetched from https:\/\/repository\.example\/suite \(commit 967efdc[0-9a-f]{33}\).*CONFORMANCE_SUITE\.\ngit is not installed/s,
  )
})

test('a variable that names neither a program nor a module is refused', async () => {
  await expect(obtain(SUITES.newest, around({ CONFORMANCE_SUITE: folder }))).rejects.toThrow(
    /CONFORMANCE_SUITE names .* neither an executable nor a folder with the suite's go\.mod/,
  )
})

test('a suite is built once and kept under its version', async () => {
  await installGo(WORKING_GO)
  const first = await obtain(SUITES.newest, around())
  expect(await obtain(SUITES.newest, around())).toMatchObject({ binary: first.binary, version: '967efdc' })
  const older = await obtain(SUITES['v1.1.1'], around())
  expect([first.binary, older.binary]).toEqual(
    ['conformance-967efdc', 'conformance-v1.1.1'].map((name) => join(folder, 'cache/artifact-store-clients', name)),
  )
  const [build, compile, ...more] = await calls()
  expect(build).toMatch(/^build -trimpath .*main\.Version=967efdc/)
  expect(compile).toMatch(/^test -c -trimpath .*Version=v1\.1\.1/)
  expect(more).toEqual([])
  expect(said).toHaveLength(2)
})

test('a program that a variable names is run as it is', async () => {
  await installGo(WORKING_GO)
  const suite = join(folder, 'bin', 'go')
  expect(await obtain(SUITES['v1.1.1'], around({ CONFORMANCE_SUITE_1_1_1: suite }))).toMatchObject({
    binary: suite,
    version: 'given by CONFORMANCE_SUITE_1_1_1',
  })
})

test('a checkout that a variable names is built each time, beside the cache, and removed again', async () => {
  await installGo(WORKING_GO)
  const obtained = await obtain(SUITES.newest, around({ CONFORMANCE_SUITE: join(folder, 'other') }))
  expect(obtained.version).toBe('given by CONFORMANCE_SUITE')
  expect(await readFile(obtained.binary, 'utf8')).toBe('#!/bin/sh\n')
  await expect(readdir(join(folder, 'cache'))).rejects.toThrow(/ENOENT/)
  await obtained.dispose()
  await expect(readFile(obtained.binary)).rejects.toThrow(/ENOENT/)
})
