/**
 * oras against a started server with authentication on, on both engines: what one door takes, the other gives back,
 * also when the server is killed in the middle.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMMAND, ServerProcess } from '../cli/server-process.ts'
import { DATABASES } from '../support/databases.ts'
import { clientTool, ran } from './client-tools.ts'
import { makeTree, treeOf } from './trees.ts'

const TOKEN = 'tests:a-token-for-oras-flows'
const SECRET = TOKEN.slice(TOKEN.indexOf(':') + 1)
const BIG_MEBIBYTES = 2048

describe.each(DATABASES)('oras and the command line on $engine', ({ engine, create }) => {
  let oras: string
  let server: ServerProcess
  let folder: string
  let drop: () => Promise<void>
  let registry: string

  const orasRun = async (...args: string[]): Promise<string> => {
    const result = await ran(oras, args, { cwd: folder, env: { ...process.env, HOME: folder, DOCKER_CONFIG: folder } })
    expect(result, `oras ${args.join(' ')}`).toMatchObject({ code: 0 })
    return result.stdout
  }
  const cli = async (...args: string[]): Promise<string> => {
    const result = await ran(process.execPath, [COMMAND, ...args], { cwd: folder, env: cliEnvironment() })
    expect(result, `artifactstore ${args.join(' ')}`).toMatchObject({ code: 0 })
    return result.stdout
  }
  const cliEnvironment = (): NodeJS.ProcessEnv => ({ ...server.env, ARTIFACTSTORE_API_TOKEN: SECRET })

  beforeAll(async () => {
    oras = await clientTool('oras')
    folder = await mkdtemp(join(tmpdir(), 'oras-flows-'))
    const database = await create(folder)
    drop = database.drop
    const { location } = database
    const url = location.kind === 'sqlite' ? `sqlite:///${location.path}` : location.url
    const env = { ARTIFACTSTORE_AUTH_TOKENS: TOKEN, ARTIFACTSTORE_DATABASE_URL: url }
    if (location.kind === 'postgresql') {
      const migrated = await ran(process.execPath, [COMMAND, 'migrate'], {
        cwd: folder,
        env: { ...process.env, ...env },
      })
      expect(migrated).toMatchObject({ code: 0 })
    }
    server = await ServerProcess.start(env)
    registry = `127.0.0.1:${server.port}`
    await orasRun('login', registry, '--plain-http', '-u', 'token', '-p', SECRET)
  })

  afterAll(async () => {
    await server?.stop('SIGTERM')
    await drop?.()
    await rm(folder, { recursive: true, force: true })
  })

  it('a wrong token is refused at login', async () => {
    const result = await ran(oras, ['login', registry, '--plain-http', '-u', 'token', '-p', 'wrong'], {
      cwd: folder,
      env: { ...process.env, HOME: folder, DOCKER_CONFIG: join(folder, 'other') },
    })
    expect(result.code).not.toBe(0)
    expect(result.stderr).toMatch(/401|unauthorized/i)
  })

  it('a folder pushed by the command line comes back from oras pull as the same tree', async () => {
    const source = join(folder, 'source')
    await makeTree(source, { bigMebibytes: BIG_MEBIBYTES })
    await chmod(join(source, 'plain.txt'), 0o755)
    const pushed = JSON.parse(
      await cli(
        'push',
        source,
        '--producer',
        'ops',
        '--subject',
        'example.org',
        '--retention-class',
        'raw-evidence',
        '--json',
      ),
    ) as { package_id: string; manifest_digest: string; reference: string }
    expect(pushed.reference).toBe(`${registry}/ops/source:${pushed.package_id}`)
    await orasRun('pull', '--plain-http', pushed.reference, '-o', 'pulled')
    expect(await treeOf(join(folder, 'pulled'))).toEqual(await treeOf(source))
    await rm(join(folder, 'pulled'), { recursive: true })
  })

  it('what oras pushed is a package that the command line lists and pulls', async () => {
    await writeFile(join(folder, 'report.pdf'), '%PDF-1.7 a report')
    await orasRun(
      'push',
      '--plain-http',
      `${registry}/team/report:v1`,
      'report.pdf:application/pdf',
      '--annotation',
      'stage=release',
    )
    const { packages } = JSON.parse(await cli('packages', '--producer', 'team', '--json')) as {
      packages: { name: string; metadata: object }[]
    }
    expect(packages).toMatchObject([
      { name: 'report', metadata: { stage: 'release' }, retention_class: 'user-managed' },
    ])
    await cli('pull', 'team/report:v1', '-o', 'from-cli')
    expect(await readFile(join(folder, 'from-cli', 'report.pdf'), 'utf8')).toBe('%PDF-1.7 a report')
  })

  it('a referrer is attached and discovered', async () => {
    await writeFile(join(folder, 'sbom.json'), '{"sbom":true}')
    await orasRun(
      'attach',
      '--plain-http',
      '--artifact-type',
      'application/vnd.example.sbom',
      `${registry}/team/report:v1`,
      'sbom.json:application/json',
    )
    const found = JSON.parse(
      await orasRun('discover', '--plain-http', '--format', 'json', `${registry}/team/report:v1`),
    ) as Record<string, { artifactType: string }[]>
    expect(found.referrers ?? found.manifests).toMatchObject([{ artifactType: 'application/vnd.example.sbom' }])
    const none = JSON.parse(
      await orasRun(
        'discover',
        '--plain-http',
        '--format',
        'json',
        '--artifact-type',
        'application/other',
        `${registry}/team/report:v1`,
      ),
    ) as Record<string, unknown[]>
    expect(none.referrers ?? none.manifests ?? []).toEqual([])
  })

  it('copying, tagging, resolving, listing and fetching work', async () => {
    const reference = `${registry}/team/report`
    await orasRun('tag', '--plain-http', `${reference}:v1`, 'stable')
    expect((await orasRun('repo', 'tags', '--plain-http', reference)).trim().split('\n')).toEqual(['stable', 'v1'])
    expect((await orasRun('repo', 'ls', '--plain-http', registry)).trim().split('\n')).toContain('team/report')
    const digest = (await orasRun('resolve', '--plain-http', `${reference}:stable`)).trim()
    const manifest = JSON.parse(await orasRun('manifest', 'fetch', '--plain-http', `${reference}@${digest}`)) as {
      layers: { digest: string }[]
    }
    const blob = await orasRun(
      'blob',
      'fetch',
      '--plain-http',
      '--output',
      '-',
      `${reference}@${manifest.layers[0]!.digest}`,
    )
    expect(blob).toBe('%PDF-1.7 a report')
    await orasRun(
      'cp',
      '--from-plain-http',
      '--to-plain-http',
      '-r',
      `${reference}:v1`,
      `${registry}/archive/report:v1`,
    )
    const copied = JSON.parse(
      await orasRun('discover', '--plain-http', '--format', 'json', `${registry}/archive/report:v1`),
    ) as Record<string, unknown[]>
    expect(copied.referrers ?? copied.manifests).toHaveLength(1)
    await orasRun('manifest', 'delete', '--plain-http', '--force', `${registry}/archive/report:v1`)
    expect(
      (
        await ran(oras, ['resolve', '--plain-http', `${registry}/archive/report:v1`], {
          env: { ...process.env, HOME: folder, DOCKER_CONFIG: folder },
        })
      ).code,
    ).not.toBe(0)
  })

  it('a retained package is not deleted by a client, and the refusal says until when', async () => {
    await mkdir(join(folder, 'kept'))
    await writeFile(join(folder, 'kept', 'evidence.txt'), 'evidence')
    const { reference } = JSON.parse(
      await cli(
        'push',
        'kept',
        '--producer',
        'ops',
        '--subject',
        'example.org',
        '--retention-class',
        'release-evidence',
        '--json',
      ),
    ) as { reference: string }
    const refused = await ran(oras, ['manifest', 'delete', '--plain-http', '--force', reference], {
      env: { ...process.env, HOME: folder, DOCKER_CONFIG: folder },
    })
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/release-evidence.*until 20\d\d/is)
  })

  it('a server killed in the middle of a push is resumed by the command line, and nothing acknowledged is lost', async () => {
    const source = join(folder, 'resumed')
    await makeTree(source, { bigMebibytes: 512 })
    const args = [
      'push',
      source,
      '--producer',
      'ops',
      '--subject',
      'kill',
      '--retention-class',
      'raw-evidence',
      '--json',
    ]
    const child = spawn(process.execPath, [COMMAND, ...args], { cwd: folder, env: cliEnvironment() })
    let stdout = ''
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => {
      stderr += text
    })
    child.stdout.on('data', (text: Buffer) => {
      stdout += text
    })
    const ended = once(child, 'exit')
    let kills = 0
    while (kills < 3 && child.exitCode === null) {
      await sleep(300)
      // Only while bytes are under way: that is when there is something to lose.
      if (!(await bytesUnderWay(server.folder))) continue
      await server.stop('SIGKILL')
      await server.start()
      kills += 1
    }
    expect(kills).toBeGreaterThan(0)
    const [code] = (await ended) as [number]
    expect(code, stderr).toBe(0)
    const { reference } = JSON.parse(stdout) as { reference: string }
    await orasRun('pull', '--plain-http', reference, '-o', 'resumed-pull')
    expect(await treeOf(join(folder, 'resumed-pull'))).toEqual(await treeOf(source))
  })

  it('afterwards the views are the fold of the log, and replay changes no row', async () => {
    await server.stop('SIGTERM')
    const env = { ...server.env }
    const command = (...args: string[]) =>
      ran(process.execPath, [COMMAND, ...args, '--json'], { cwd: server.folder, env })
    const verified = await command('verify-views')
    expect(verified).toMatchObject({ code: 0 })
    expect(JSON.parse(verified.stdout)).toMatchObject({ differences: [] })
    expect(JSON.parse((await command('replay')).stdout)).toMatchObject({ changed_rows: 0 })
    expect((await command('verify-log')).code).toBe(0)
    await server.start()
    const { packages } = JSON.parse(await cli('packages', '--producer', 'ops', '--json')) as {
      packages: { subject: string }[]
    }
    expect(packages.map(({ subject }) => subject)).toContain('kill')
  })

  it('the engine is the one that was asked for', () => {
    expect(server.env.ARTIFACTSTORE_DATABASE_URL).toMatch(engine === 'sqlite' ? /^sqlite:/ : /^postgresql:/)
  })
})

async function bytesUnderWay(folder: string): Promise<boolean> {
  return (await readdir(join(folder, 'var', 'storage', 'uploads')).catch(() => [])).length > 0
}
