/** The packed tarball in an empty folder: the command, the library and its types, as somebody who installs it has them. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { markedBlocks } from './docs/marked-blocks.ts'

const checkout = fileURLToPath(new URL('..', import.meta.url))
let folder: string
let packed: readonly string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'artifactstore-packed-'))
  const report = npm(['pack', '--json', '--pack-destination', folder], checkout)
  // The build's own output stands before the report.
  packed = (JSON.parse(report.slice(report.indexOf('[\n'))) as [{ files: { path: string }[] }])[0].files.map(
    ({ path }) => path,
  )
  writeFileSync(join(folder, 'package.json'), '{ "name": "somebody", "private": true, "type": "module" }\n')
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], folder)
}, 240_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the tarball carries what is run and read, and no sources or tests', () => {
  const tops = new Set(packed.map((path) => path.split('/')[0]))
  expect([...tops].sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'dist',
    'docs',
    'package.json',
    'schemas',
  ])
  expect(packed.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([])
})

test('the installed command tells its version', () => {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }
  expect(run(installed('.bin/artifactstore'), ['version']).trim()).toBe(version)
})

test('the installed command serves its health, its documentation page and its API description', async () => {
  const server = spawn(process.execPath, [installed('artifact-store/bin/artifactstore.js'), 'serve'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ARTIFACTSTORE_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  try {
    let url: string | undefined
    for await (const line of createInterface(server.stdout)) {
      url = (JSON.parse(line) as { url?: string }).url
      if (url) break
    }
    expect(await fetch(`${url}/health`).then((answer) => answer.json())).toMatchObject({ status: 'ok' })
    expect(await fetch(`${url}/docs`).then((answer) => answer.text())).toContain('<script>')
    expect(await fetch(`${url}/openapi.json`).then((answer) => answer.json())).toMatchObject({
      openapi: expect.stringMatching(/^3\.1\./),
    })
  } finally {
    server.kill('SIGTERM')
  }
  expect(await ended).toBe(0)
})

test("the installed library runs the smoke test of its documentation, and its types fit that test's code", () => {
  const [code] = markedBlocks(readFileSync(installed('artifact-store/docs/library.md'), 'utf8'), 'smoke-test')
  writeFileSync(join(folder, 'smoke-test.ts'), code!)
  expect(run('smoke-test.ts', [])).toContain("files in manifest: [ 'hello.txt' ]")
  const tsc = join(checkout, 'node_modules/typescript/bin/tsc')
  const types = ['--typeRoots', join(checkout, 'node_modules/@types'), '--types', 'node']
  run(tsc, ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', ...types, 'smoke-test.ts'])
})

test('the threads of the installed package start: a large file is hashed, the write-ahead log is checkpointed', () => {
  const code = `
    import { once } from 'node:events'
    import { Readable } from 'node:stream'
    import { Worker } from 'node:worker_threads'
    import { openRegistry, parseRelativePath } from 'artifact-store'
    const registry = await openRegistry({ folder: 'large' })
    const wanted = { name: 'n', producer: 'ops', subject: 's', retentionClass: 'transient', actor: 'ops' }
    const { package: { id } } = await registry.packages.create(wanted)
    const content = Readable.from(Array.from({ length: 16 }, () => Buffer.alloc(256 * 1024, 7)))
    const path = parseRelativePath('large.bin')
    const file = await registry.packages.addFile(id, { path, mediaType: 'text/plain', actor: 'ops' }, content)
    console.log(file.sha256)
    const checkpoint = new URL('./registry/database/checkpoint-worker.js', import.meta.resolve('artifact-store'))
    const worker = new Worker(checkpoint, { workerData: { path: 'large/var/artifactstore.db' } })
    worker.postMessage('PASSIVE')
    console.log(JSON.stringify((await once(worker, 'message'))[0]))
    await worker.terminate()
    await registry.dispose()`
  mkdirSync(join(folder, 'large'))
  writeFileSync(join(folder, 'large.js'), code)
  const [digest, checkpoint] = run('large.js', []).split('\n')
  expect(digest).toBe('sha256:c756100d738b97b9535069044e02c5a92cb0f62c4aecd7a92016feb1192d2f6f')
  expect(JSON.parse(checkpoint!)).toEqual([{ busy: 0, log: expect.any(Number), checkpointed: expect.any(Number) }])
})

function installed(path: string): string {
  return join(folder, 'node_modules', path)
}

function run(file: string, args: readonly string[]): string {
  const env = { PATH: process.env.PATH, HOME: folder }
  return execFileSync(process.execPath, [file, ...args], { cwd: folder, env, encoding: 'utf8' })
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
