/**
 * Records what cosign 2 and 3 really write, with throw-away keys, for the tests that run without Go:
 * `node test/clients/record-signatures.ts` writes `test/fixtures/signing/`.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMAND, ServerProcess } from '../cli/server-process.ts'
import type { RecordedSignatures } from '../signing/recorded.ts'
import { clientTool } from './client-tools.ts'
import { type CosignVersion, openCosign } from './cosign.ts'

const TOKEN = 'recording'
const PREDICATE_TYPE = 'https://example.org/tests/v1'
const fixtures = new URL('../fixtures/signing/', import.meta.url)

await mkdir(fixtures, { recursive: true })
const server = await ServerProcess.start({ ARTIFACTSTORE_AUTH_TOKENS: `tests:${TOKEN}` })
try {
  for (const version of [2, 3] as const) {
    const text = `${JSON.stringify(await record(version), null, 2)}\n`
    await writeFile(new URL(`cosign-${version}.json`, fixtures), text)
  }
} finally {
  await server.stop('SIGTERM')
  await server.remove()
}

async function record(version: CosignVersion): Promise<RecordedSignatures> {
  const folder = await mkdtemp(join(tmpdir(), 'record-'))
  try {
    const cosign = await openCosign(version, folder)
    const registry = `127.0.0.1:${server.port}`
    await cosign.login(registry, 'tests', TOKEN)
    for (const name of ['release', 'stranger']) await cosign.makeKey(name)
    await mkdir(join(folder, 'report'))
    await writeFile(join(folder, 'report', 'result.txt'), `signed with cosign ${version}\n`)
    const about = ['--producer', 'ops', '--subject', 'example.org', '--retention-class', 'raw-evidence']
    const args = [COMMAND, 'push', 'report', ...about, '--name', `cosign-${version}`, '--json']
    const env = { ...server.env, ARTIFACTSTORE_API_TOKEN: TOKEN }
    const { package_id: id } = JSON.parse(
      execFileSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' }),
    ) as {
      package_id: string
    }
    const repository = `ops/cosign-${version}`
    const subject = await manifestOf(repository, id)
    const reference = `${registry}/${repository}@${subject.digest}`
    await cosign.sign(reference, 'release.key')
    await cosign.sign(reference, 'stranger.key')
    await cosign.attest(reference, { key: 'release.key', type: PREDICATE_TYPE, predicate: { passed: true } })
    const tool = await clientTool(version === 3 ? 'cosign3' : 'cosign2')
    const shown = execFileSync(tool, ['version'], { encoding: 'utf8' })
    return {
      cosign: /GitVersion:\s*(\S+)/.exec(shown)?.[1] ?? '',
      key: await readFile(join(folder, 'release.pub'), 'utf8'),
      predicateType: PREDICATE_TYPE,
      subject: subject.text,
      referrers: await Promise.all(
        (await referrersOf(repository, subject.digest)).map((name) => recorded(repository, name)),
      ),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Digests of referrers, and the tags of cosign 2. */
async function referrersOf(repository: string, digest: string): Promise<string[]> {
  const { text } = await get(`/v2/${repository}/referrers/${digest}`)
  const { manifests } = JSON.parse(text) as { manifests: { digest: string }[] }
  if (manifests.length > 0) return manifests.map((each) => each.digest)
  const tag = digest.replace(':', '-')
  return [`${tag}.sig`, `${tag}.att`]
}

async function recorded(repository: string, reference: string): Promise<RecordedSignatures['referrers'][number]> {
  const { text } = await manifestOf(repository, reference)
  const { layers } = JSON.parse(text) as { layers: { digest: string }[] }
  const contents = layers.map(
    async ({ digest }) => [digest, (await get(`/v2/${repository}/blobs/${digest}`)).text] as const,
  )
  return { manifest: text, layers: Object.fromEntries(await Promise.all(contents)) }
}

async function manifestOf(repository: string, reference: string): Promise<{ text: string; digest: string }> {
  return get(`/v2/${repository}/manifests/${reference}`)
}

async function get(path: string): Promise<{ text: string; digest: string }> {
  const headers = { authorization: `Bearer ${TOKEN}`, accept: '*/*' }
  const response = await fetch(`${server.apiUrl}${path}`, { headers })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return { text: await response.text(), digest: response.headers.get('docker-content-digest') ?? '' }
}
