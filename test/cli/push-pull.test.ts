/** The command line against a real server: what goes up comes down, also when somebody kills somebody in between. */
import type { ChildProcess } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DATABASES } from '../support/databases.ts'
import { commandHere } from './in-process.ts'
import { type CommandResult, command, ServerProcess } from './server-process.ts'

const MIB = 1024 * 1024
const ABOUT = ['--producer', 'ops', '--subject', 'example.org', '--retention-class', 'raw-evidence']

let server: ServerProcess
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'push-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** In this process; as a process of its own where somebody kills it or it opens the store. */
function run(
  args: readonly string[],
  options: { stdin?: string | Buffer; onSpawn?: (child: ChildProcess) => void } = {},
): Promise<CommandResult> {
  // The token lies beside the server's database, and the sources beside the test.
  const where = { cwd: server.folder, env: { ...server.env, XDG_STATE_HOME: join(folder, 'state') }, ...options }
  return options.onSpawn || STORE_COMMANDS.includes(args[0]!) ? command(args, where) : commandHere(args, where)
}

const STORE_COMMANDS = ['verify-views', 'verify-log', 'replay']

function put(path: string, content: string | Buffer, mode = 0o644): void {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, content)
  chmodSync(file, mode)
}

/** Bytes that differ everywhere, the same each time. */
function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let at = 0; at + 4 <= size; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes.writeUInt32LE(state, at)
  }
  return bytes
}

function snapshot(root: string): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    entries
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((file) => [
        file.slice(root.length + 1),
        `${(statSync(file).mode & 0o777).toString(8)} ${readFileSync(file).toString('base64')}`,
      ]),
  )
}

function json<T = Record<string, unknown>>(result: CommandResult): T {
  expect(result.stderr).toBe('')
  return JSON.parse(result.stdout) as T
}

interface PushedJson {
  package_id: string
  manifest_digest: string
  reference: string
  already_pushed: boolean
  sent_files: number
  sent_bytes: number
  known_files: number
}

describe.each(DATABASES)('on $engine', ({ engine, create }) => {
  let drop: () => Promise<void>
  // One on PostgreSQL: every kill there costs the wait for the lease of a server that is gone.
  const killPoints = [
    'upload.after-write=kill@2',
    ...(engine === 'sqlite' ? ['record.before-flush=kill@5', 'record.after-flush=kill@5'] : []),
  ]
  beforeAll(async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'push-database-'))
    const { location, ...database } = await create(scratch)
    drop = async () => {
      await database.drop()
      rmSync(scratch, { recursive: true, force: true })
    }
    const env: Record<string, string> = {}
    if (location.kind === 'postgresql') env.ARTIFACTSTORE_DATABASE_URL = location.url
    if (location.kind === 'postgresql') await command(['migrate'], { cwd: scratch, env: { ...env, HOME: scratch } })
    server = await ServerProcess.start(env)
  })
  afterAll(async () => {
    await server.remove()
    await drop()
  })

  describe('refusals leave nothing behind', () => {
    test('exit codes are those of the documentation', async () => {
      put('src/a', 'a')
      put('denied/a', 'a')
      const unknownId = '00000000-0000-7000-8000-000000000000'
      const cases: [string[], number, RegExp][] = [
        [['push', join(folder, 'src')], 2, /--producer, --subject, --retention-class must be given/],
        [['push', join(folder, 'none'), ...ABOUT], 2, /no folder or file/],
        [['push', '-', ...ABOUT], 2, /give --name/],
        [['push', join(folder, 'src'), ...ABOUT.slice(0, 4), '--retention-class', 'no'], 2, /no retention class 'no'/],
        [['push', join(folder, 'src'), ...ABOUT, '--exclude', '*'], 2, /there is no file/],
        [['pull', unknownId], 3, /package/],
        [['pull', 'no/such:tag'], 3, /no package/],
        [['pull', 'Not a reference'], 2, /names no package/],
        [['inspect', 'store.example/a:b'], 2, /give --api-url/],
        [['packages', '--token', 'wrong'], 4, /login/],
        [['packages', '--api-url', 'http://127.0.0.1:2'], 6, /ECONNREFUSED/],
        [['packages', '--api-url', 'ftp://x'], 2, /URL of a server/],
        [['packages', '--limit', '0'], 2, /--limit/],
        [['unknown'], 2, /unknown command 'unknown'/],
        [['packages', '--unknown'], 2, /unknown option/],
        [['push', join(folder, 'src'), ...ABOUT, '--concurrency', '0'], 2, /from 1 to 64/],
      ]
      for (const [args, code, says] of cases) {
        const result = await run(args)
        expect([args, result.code, result.stdout]).toEqual([args, code, ''])
        expect(result.stderr).toMatch(says)
        expect(result.stderr).not.toMatch(/\n {4}at /)
      }
      const { packages } = json<{ packages: unknown[] }>(await run(['packages', '--json']))
      expect(packages).toEqual([])
    }, 60_000)

    test('with --json an error is one problem document, the server\u2019s own where it sent one', async () => {
      const local = await run(['pull', 'Not a reference', '--json'])
      expect(JSON.parse(local.stderr)).toEqual({
        type: 'urn:artifactstore:problem:usage',
        title: 'usage',
        detail: expect.stringContaining('names no package'),
        exit_code: 2,
      })
      const remote = await run(['inspect', '00000000-0000-7000-8000-000000000000', '--json'])
      expect(JSON.parse(remote.stderr)).toMatchObject({
        type: 'urn:artifactstore:problem:package-unknown',
        status: 404,
        request_id: expect.any(String),
        exit_code: 3,
      })
      expect([local.stdout, remote.stdout]).toEqual(['', ''])
    })
  })

  describe('a folder', () => {
    test('comes back as the same tree, with its modes', async () => {
      put('src/plain.txt', 'hello\n')
      put('src/run.sh', '#!/bin/sh\n', 0o755)
      put('src/secret', 's', 0o600)
      put('src/empty', '')
      put('src/with space/ümläut 日本.json', '{}')
      put(`src/${'deep/'.repeat(40)}leaf`, 'leaf')
      put('src/nfd/cafe\u0301', 'decomposed')
      put('src/big.bin', noise(3 * MIB + 17, 1))
      put('src/skip.tmp', 'no')
      mkdirSync(join(folder, 'src/void'))

      const args = [
        'push',
        join(folder, 'src'),
        ...ABOUT,
        '--name',
        'Tree one',
        '--metadata',
        'branch=main',
        '--exclude',
        '*.tmp',
      ]
      const result = await run([...args, '--json'])
      expect(result.code).toBe(0)
      expect(JSON.parse(result.stderr)).toEqual({ warning: 'void/ is empty, and a package cannot keep it' })
      const pushed = JSON.parse(result.stdout) as PushedJson
      expect(pushed).toMatchObject({
        already_pushed: false,
        sent_files: 8,
        known_files: 0,
        files: 8,
        empty_folders: ['void'],
      })
      expect(pushed.reference).toBe(`127.0.0.1:${server.port}/ops/tree-one:${pushed.package_id}`)

      const text = await run(args)
      expect(text.stdout).toBe(
        [
          `package   ${pushed.package_id}`,
          `manifest  ${pushed.manifest_digest}`,
          `pull      oras pull --plain-http ${pushed.reference}`,
          '',
        ].join('\n'),
      )
      expect(text.stderr).toContain('already pushed')

      for (const name of [pushed.package_id, pushed.reference, `ops/tree-one:${pushed.package_id}`]) {
        const target = join(folder, 'out')
        const pulled = await run(['pull', name, '-o', target, '--json'])
        expect(pulled.code).toBe(0)
        rmSync(join(folder, 'src/skip.tmp'), { force: true })
        expect(snapshot(target)).toEqual(snapshot(join(folder, 'src')))
      }
    }, 60_000)

    test('is a package once, however often it is pushed; --new makes another, which sends no large file again', async () => {
      put('src/large', noise(MIB, 2))
      put('src/small', 'small')
      const args = ['push', join(folder, 'src'), ...ABOUT, '--name', 'once', '--json']
      const first = json<PushedJson>(await run(args))
      const again = json<PushedJson>(await run(args))
      expect(again).toMatchObject({ package_id: first.package_id, already_pushed: true, sent_files: 0 })
      const other = json<PushedJson>(await run([...args, '--new']))
      expect(other.package_id).not.toBe(first.package_id)
      expect(other).toMatchObject({ already_pushed: false, sent_files: 1, sent_bytes: 5, known_files: 1 })
      // Other metadata or another mode is another package.
      chmodSync(join(folder, 'src/small'), 0o755)
      expect(json<PushedJson>(await run(args)).package_id).not.toBe(first.package_id)
    }, 60_000)

    test('--dry-run asks no server', async () => {
      put('src/a', 'abc')
      const result = json<{ files: unknown[] }>(
        await run(['push', join(folder, 'src'), ...ABOUT, '--dry-run', '--json', '--api-url', 'http://127.0.0.1:2']),
      )
      const digest = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
      expect(result.files).toEqual([{ path: 'a', size: 3, mode: '644', digest }])
    })

    test('a file alone, and what a pipe brings, in one piece or many', async () => {
      put('report.json', '{"a":1}')
      const one = json<PushedJson>(await run(['push', join(folder, 'report.json'), ...ABOUT, '--json']))
      const pipes = [Buffer.alloc(0), Buffer.from('piped'), noise(20 * MIB + 5, 3)]
      for (const [index, stdin] of pipes.entries()) {
        const args = ['push', '-', '--name', `pipe-${index}`, '--path', 'in/stdin.log', ...ABOUT, '--json']
        const { package_id: id } = json<PushedJson>(await run(args, { stdin }))
        await run(['pull', id, '-o', join(folder, `pipe-${index}`)])
        expect(readFileSync(join(folder, `pipe-${index}`, 'in/stdin.log')).equals(stdin)).toBe(true)
      }
      expect((await run(['pull', one.package_id, '-o', join(folder, 'one'), '--quiet'])).stderr).toBe('')
      expect(snapshot(join(folder, 'one'))).toEqual({
        'report.json': `644 ${Buffer.from('{"a":1}').toString('base64')}`,
      })
    }, 60_000)
  })

  describe('pulling over what is there', () => {
    test('equal files stay, others are refused unless forced, and links are not entered', async () => {
      put('src/sub/a', 'a', 0o755)
      put('src/b', 'b')
      const { package_id: id } = json<PushedJson>(
        await run(['push', join(folder, 'src'), ...ABOUT, '--name', 'over', '--json']),
      )
      put('out/b', 'mine')
      const refused = await run(['pull', id, '-o', join(folder, 'out')])
      expect([refused.code, refused.stdout]).toEqual([5, ''])
      expect(refused.stderr).toContain('  - b\n')
      expect(existsSync(join(folder, 'out/sub'))).toBe(false)

      put('out/sub/a', 'a', 0o600)
      const forced = json(await run(['pull', id, '-o', join(folder, 'out'), '--force', '--json']))
      expect(forced).toMatchObject({ files: 2, pulled_files: 1, pulled_bytes: 1 })
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'src')))

      mkdirSync(join(folder, 'elsewhere'))
      mkdirSync(join(folder, 'trap'))
      symlinkSync(join(folder, 'elsewhere'), join(folder, 'trap/sub'))
      const trapped = await run(['pull', id, '-o', join(folder, 'trap'), '--force'])
      expect([trapped.code, readdirSync(join(folder, 'elsewhere'))]).toEqual([5, []])
      expect(trapped.stderr).toContain('is a symbolic link')
    }, 60_000)
  })

  describe('interruptions', () => {
    test.each(killPoints)(
      'a server killed at %s and started again: the same run ends well',
      async (failpoint) => {
        const name = failpoint.replace(/=.*$/, '')
        put('src/one', noise(40 * MIB, 4 + failpoint.length))
        for (let index = 0; index < 20; index += 1) put(`src/small-${index}`, `small ${index}`)
        await server.stop('SIGKILL')
        await server.start({ ARTIFACTSTORE_FAILPOINTS: failpoint })
        const pushing = run(['push', join(folder, 'src'), ...ABOUT, '--name', name, '--json'])
        expect(await server.ended()).toBe('SIGKILL')
        await server.start()
        const result = await pushing
        expect(result.code).toBe(0)
        expect(result.stderr).toContain('the server cannot go on yet')
        const { package_id: id } = JSON.parse(result.stdout) as PushedJson
        await run(['pull', id, '-o', join(folder, 'out')])
        expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'src')))
        expect(await packagesNamed(name)).toEqual([id])
      },
      60_000,
    )

    test('a push killed in the middle goes on in its own draft and its own uploads', async () => {
      put('src/one', noise(40 * MIB, 5))
      put('src/small', 'small')
      const args = ['push', join(folder, 'src'), ...ABOUT, '--name', 'killed-push', '--json']
      await server.stop('SIGKILL')
      // Some of the large file's three chunks is on disk by then.
      await server.start({ ARTIFACTSTORE_FAILPOINTS: 'upload.after-write=kill@3' })
      let child: ChildProcess | undefined
      const killed = run(args, { onSpawn: (spawned) => (child = spawned) })
      expect(await server.ended()).toBe('SIGKILL')
      child!.kill('SIGKILL')
      expect((await killed).code).toBe('SIGKILL')
      await server.start()
      const before = server.stdout.length
      // On PostgreSQL the killed server's lease on the upload has to lapse first, which the push waits for and says.
      const { package_id: id } = JSON.parse((await run(args)).stdout) as PushedJson
      // No new upload: the second run found the first one's.
      const requests = server.stdout
        .slice(before)
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as LogLine)
      expect(requests.filter(({ method, route }) => method === 'POST' && route === '/uploads')).toEqual([])
      expect(await packagesNamed('killed-push')).toEqual([id])
      await run(['pull', id, '-o', join(folder, 'out')])
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'src')))
      // What a finished push leaves behind would never be read again.
      expect(readdirSync(join(folder, 'state/artifactstore/push'))).toEqual([])
    }, 60_000)

    test('a server killed after it recorded the end of a push: the run still says which package', async () => {
      put('src/a', 'finalize me')
      await server.stop('SIGKILL')
      await server.start({ ARTIFACTSTORE_FAILPOINTS: 'finalize.after-manifest-put=kill' })
      const pushing = run(['push', join(folder, 'src'), ...ABOUT, '--name', 'killed-finalize', '--json'])
      expect(await server.ended()).toBe('SIGKILL')
      await server.start()
      const result = await pushing
      expect(result.code).toBe(0)
      expect(await packagesNamed('killed-finalize')).toEqual([(JSON.parse(result.stdout) as PushedJson).package_id])
    }, 60_000)

    test('afterwards the views equal the log', async () => {
      for (const name of ['verify-views', 'verify-log', 'replay']) {
        // On a slow machine progress would be shown.
        const result = await run([name, '--quiet'])
        expect([name, result.code, result.stderr]).toEqual([name, 0, ''])
      }
      expect((await run(['replay', '--json'])).stdout).toMatch(/"changed_rows":0/)
    }, 60_000)
  })

  test('two runs of one push at the same time make one package', async () => {
    put('src/one', noise(24 * MIB, 77))
    for (let index = 0; index < 12; index += 1) put(`src/small-${index}`, `twin ${index}`)
    const args = ['push', join(folder, 'src'), ...ABOUT, '--name', 'twins', '--json']
    const results = await Promise.all([run(args), run(args)])
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    const ids = results.map(({ stdout }) => (JSON.parse(stdout) as PushedJson).package_id)
    expect(new Set(ids)).toEqual(new Set(await packagesNamed('twins')))
    await run(['pull', ids[0]!, '-o', join(folder, 'out')])
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'src')))
  }, 60_000)
})

interface LogLine {
  readonly method?: string
  readonly route?: string
}

async function packagesNamed(name: string): Promise<string[]> {
  const result = await run(['packages', '--name', name, '--json'])
  return (JSON.parse(result.stdout) as { packages: { id: string }[] }).packages.map(({ id }) => id)
}
