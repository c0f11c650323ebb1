/** The command with a small program in place of a suite, against a real server. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const COMMAND = fileURLToPath(new URL('../../conformance/run.ts', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conformance-run-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function conformance(
  suite: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const path = join(folder, 'suite')
  await writeFile(path, `#!/bin/sh\n${suite}\n`)
  await chmod(path, 0o755)
  const env = { ...process.env, CONFORMANCE_SUITE: path, CONFORMANCE_SUITE_1_1_1: path, OCI_FILTER_TEST: 'nothing' }
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

test('a suite that ends well and reports nothing has failed, and what it said and the server logged are kept', async () => {
  const suite = 'echo "failed to setup test: $OCI_VERSION $OCI_REGISTRY $OCI_FILTER_TEST." >&2; exit 0'
  const args = ['--only', 'dev basic sqlite', '--report', join(folder, 'report.json'), '--keep', join(folder, 'kept')]
  const { code, stdout } = await conformance(suite, ...args)
  expect(code).toBe(1)
  // The variables are the runner's own; those of its caller do not get through.
  expect(stdout).toMatch(
    /results\.yaml: it was not written; the suite said: failed to setup test: dev conformance:[\w-]+@127\.0\.0\.1:\d+ \./,
  )
  // The second: it made no request at all.
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 2 failed, 0 skipped')
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toMatchObject({
    passed: 0,
    failed: 2,
    skipped: 0,
  })
  expect(await readFile(join(folder, 'kept/newest-dev-basic-sqlite/server.log'), 'utf8')).toContain('listening on')
})

test('words that choose nothing are refused', async () => {
  expect(await conformance('', '--only', 'dev bearer')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: "No combination is 'dev bearer'; --list names all of them.\n",
  })
})
