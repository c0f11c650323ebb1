/** `bin/artifactstore.js` under a Node that is too old: what it says, whom it starts instead. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { COMMAND } from './server-process.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'launcher-'))
  mkdirSync(join(folder, 'bin'))
  copyFileSync(COMMAND, join(folder, 'bin/artifactstore.js'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  // A Node that claims to be old.
  const claim = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
  writeFileSync(join(folder, 'old.cjs'), claim)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A Node of the checkout's own, here a shell script. */
function installOwnNode(script: string): void {
  const file = join(folder, 'node_modules/node/bin/node')
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

function launch(...args: string[]) {
  const child = spawn(process.execPath, [
    '--require',
    join(folder, 'old.cjs'),
    join(folder, 'bin/artifactstore.js'),
    ...args,
  ])
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => {
    output.stdout += text
  })
  child.stderr.on('data', (text: Buffer) => {
    output.stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  return { child, output, ended }
}

test('without another Node it says in one sentence what it needs', async () => {
  const { output, ended } = launch('version')
  expect(await ended).toBe(1)
  expect(output.stdout).toBe('')
  expect(output.stderr).toBe('artifactstore needs Node 24.15 or later (24.x), or 26 and later; this is 20.20.2.\n')
})

test('with the checkout\u2019s own Node it starts that, with the same arguments and its exit code', async () => {
  installOwnNode('printf "%s|" "$@"; exit 7')
  const { output, ended } = launch('push', 'a b', '--json')
  expect(await ended).toBe(7)
  expect(output.stdout).toBe(`${join(folder, 'bin/artifactstore.js')}|push|a b|--json|`)
})

test('a signal reaches the other Node, and its end is passed on', async () => {
  installOwnNode('trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done')
  const { child, output, ended } = launch('serve')
  while (!output.stdout.includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10))
  child.kill('SIGTERM')
  expect(await ended).toBe(3)
})

test('a Node of its own that is no better is not started for ever', async () => {
  mkdirSync(join(folder, 'node_modules/node/bin'), { recursive: true })
  symlinkSync(process.execPath, join(folder, 'node_modules/node/bin/node'))
  const { output, ended } = launch('version')
  expect(await ended).toBe(1)
  expect(output.stderr).toContain('needs Node 24.15')
})
