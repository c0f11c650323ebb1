/**
 * oras against a started server with authentication on, on both engines: what one door takes, the other gives back,
 * also when the server is killed in the middle.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMMAND } from '../cli/server-process.ts'
import { DATABASES } from '../support/databases.ts'
import { ClientFlow, NOT_ALLOWED } from './client-flow.ts'
import { makeTree, treeOf } from './trees.ts'

/** Past what 31 bits count, once: the bytes go the same way on both engines. */
const BIG_MEBIBYTES = { sqlite: 2049, postgresql: 256 }

describe.each(DATABASES)('oras and the command line on $engine', (database) => {
  let flow: ClientFlow
  const at = (...path: string[]) => join(flow.folder, ...path)
  const push = (folder: string, rest: string) =>
    flow.json<{ package_id: string; reference: string }>(
      `artifactstore push ${folder} --producer ops --subject example.org ${rest} --json`,
    )

  beforeAll(async () => {
    flow = await ClientFlow.open({ database, clients: { oras: 'oras' } })
    await flow.page('oras', 'login')
  })
  afterAll(() => flow?.close())

  it('a wrong token is refused at login', async () => {
    await mkdir(at('other'))
    const login = 'echo wrong | oras login localhost:8000 --plain-http -u token --password-stdin'
    expect(await flow.refused(login, { env: { DOCKER_CONFIG: at('other') } })).toMatch(NOT_ALLOWED)
  })

  it('a folder pushed by the command line comes back from oras pull as the same tree', async () => {
    await makeTree(at('source'), { bigMebibytes: BIG_MEBIBYTES[database.engine] })
    await chmod(at('source', 'plain.txt'), 0o755)
    const pushed = await push('source', '--retention-class raw-evidence')
    expect(pushed.reference).toBe(`${flow.registry}/ops/source:${pushed.package_id}`)
    await flow.sh(`oras pull --plain-http ${pushed.reference} -o pulled`)
    expect(await treeOf(at('pulled'))).toEqual(await treeOf(at('source')))
    await rm(at('pulled'), { recursive: true })
  })

  it('what oras pushed is a package that the command line lists and pulls', async () => {
    await writeFile(at('report.pdf'), '%PDF-1.7 a report')
    await flow.page('oras', 'push')
    const { packages } = await flow.json<{ packages: { name: string; metadata: object }[] }>(
      'artifactstore packages --producer team --json',
    )
    expect(packages).toMatchObject([
      { name: 'report', metadata: { stage: 'release' }, retention_class: 'user-managed' },
    ])
    await flow.sh('artifactstore pull team/report:v1 -o from-cli')
    expect(await readFile(at('from-cli', 'report.pdf'), 'utf8')).toBe('%PDF-1.7 a report')
    await flow.page('oras', 'pull')
    expect(await readFile(at('pulled', 'report.pdf'), 'utf8')).toBe('%PDF-1.7 a report')
  })

  it('a referrer is attached and discovered', async () => {
    await writeFile(at('sbom.json'), '{"sbom":true}')
    const found = lastJson<Found>(await flow.page('oras', 'attach'))
    expect(found.referrers).toMatchObject([{ artifactType: 'application/vnd.example.sbom' }])
    const none = await flow.json<Found>(
      'oras discover --plain-http --format json --artifact-type application/other localhost:8000/team/report:v1',
    )
    expect(none.referrers ?? []).toEqual([])
  })

  it('copying, tagging, resolving, listing and fetching work', async () => {
    const listed = await flow.page('oras', 'list')
    expect(listed.trim().split('\n').slice(-3)).toEqual(['team/report', 'stable', 'v1'])
    const digest = (await flow.sh('oras resolve --plain-http localhost:8000/team/report:stable')).trim()
    const manifest = await flow.json<{ layers: { digest: string }[] }>(
      `oras manifest fetch --plain-http localhost:8000/team/report@${digest}`,
    )
    const blob = `localhost:8000/team/report@${manifest.layers[0]!.digest}`
    expect(await flow.sh(`oras blob fetch --plain-http --output - ${blob}`)).toBe('%PDF-1.7 a report')
    await flow.page('oras', 'copy')
    const copied = await flow.json<Found>('oras discover --plain-http --format json localhost:8000/archive/report:v1')
    expect(copied.referrers).toHaveLength(1)
    await flow.page('oras', 'delete')
    await flow.refused('oras resolve --plain-http localhost:8000/archive/report:v1')
  })

  it('a retained package is not deleted by a client, and the refusal says until when', async () => {
    await mkdir(at('kept'))
    await writeFile(at('kept', 'evidence.txt'), 'evidence')
    const { reference } = await push('kept', '--retention-class release-evidence')
    const refused = await flow.refused(`oras manifest delete --plain-http --force ${reference}`)
    expect(refused).toMatch(/release-evidence.*until 20\d\d/is)
  })

  it('a server killed in the middle of a push is resumed by the command line, and nothing acknowledged is lost', async () => {
    await makeTree(at('resumed'), { bigMebibytes: 512 })
    const args = ['push', 'resumed', '--producer', 'ops', '--subject', 'kill', '--retention-class', 'raw-evidence']
    const child = spawn(process.execPath, [COMMAND, ...args, '--json'], { cwd: flow.folder, env: flow.env })
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
      if (!(await bytesUnderWay(flow.server.folder))) continue
      await flow.server.stop('SIGKILL')
      await flow.server.start()
      kills += 1
    }
    expect(kills).toBeGreaterThan(0)
    const [code] = (await ended) as [number]
    expect(code, stderr).toBe(0)
    const { reference } = JSON.parse(stdout) as { reference: string }
    await flow.sh(`oras pull --plain-http ${reference} -o resumed-pull`)
    expect(await treeOf(at('resumed-pull'))).toEqual(await treeOf(at('resumed')))
  })

  it('afterwards the views are the fold of the log, and replay changes no row', async () => {
    await flow.settle()
    const { packages } = await flow.json<{ packages: { subject: string }[] }>(
      'artifactstore packages --producer ops --json',
    )
    expect(packages.map(({ subject }) => subject)).toContain('kill')
  })

  it('the engine is the one that was asked for', () => {
    const scheme = database.engine === 'sqlite' ? /^sqlite:/ : /^postgresql:/
    expect(flow.server.env.ARTIFACTSTORE_DATABASE_URL).toMatch(scheme)
  })
})

interface Found {
  readonly referrers?: { artifactType: string }[]
}

/** The JSON document at the end of what a script printed. */
function lastJson<T>(said: string): T {
  return JSON.parse(said.slice(said.indexOf('\n{') + 1)) as T
}

async function bytesUnderWay(folder: string): Promise<boolean> {
  return (await readdir(join(folder, 'var', 'storage', 'uploads')).catch(() => [])).length > 0
}
