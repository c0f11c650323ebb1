/** Who may do what, through a real `serve`: rules, users and issued tokens, by the commands that handle them; and HTTPS. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import bcrypt from 'bcrypt'
import { generate } from 'selfsigned'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commandHere } from './in-process.ts'
import { command, ServerProcess } from './server-process.ts'

const RULES = [
  { identities: ['ops'], repositories: ['**'], allow: ['admin', 'pull', 'push'] },
  { identities: ['ci'], repositories: ['team/**'], allow: ['pull', 'push'] },
  { identities: ['ann'], repositories: ['team/**'], allow: ['pull'] },
  { identities: ['anonymous'], repositories: ['public/**'], allow: ['pull'] },
]
const USERS = `# people\nann:${bcrypt.hashSync('ann-password', 4)}\n`

describe('a server with rules and users', () => {
  let server: ServerProcess
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'users-'))
    const users = join(folder, 'users')
    writeFileSync(users, USERS)
    server = await ServerProcess.start({
      ARTIFACTSTORE_AUTH_TOKENS: 'ops:ops-secret,ci:ci-secret,idle:idle-secret',
      ARTIFACTSTORE_ACCESS_RULES: JSON.stringify(RULES),
      ARTIFACTSTORE_USERS_FILE: users,
    })
  })
  afterAll(async () => {
    await server.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const cli = (token: string, ...args: string[]) =>
    commandHere(args, { cwd: server.folder, env: { ...server.env, ARTIFACTSTORE_API_TOKEN: token } })
  const ops = (...args: string[]) => cli('ops-secret', ...args)
  const status = async (path: string, authorization?: string) =>
    (await fetch(`${server.apiUrl}${path}`, { headers: authorization ? { authorization } : {} })).status
  const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const TEAM = '/v2/team/app/manifests/latest'
  const OTHER = '/v2/other/app/manifests/latest'

  test('allows what a rule allows, to tokens, users and nobody in particular, and nothing else', async () => {
    expect(await status(TEAM, 'Bearer ci-secret')).toBe(404)
    expect(await status(OTHER, 'Bearer ci-secret')).toBe(403)
    expect(await status(TEAM, basic('ann', 'ann-password'))).toBe(404)
    expect(await status(OTHER, basic('ann', 'ann-password'))).toBe(403)
    expect(await status(TEAM, basic('ann', 'wrong'))).toBe(401)
    expect(await status('/v2/public/tool/manifests/latest')).toBe(404)
    expect(await status(TEAM)).toBe(401)
  })

  test('says at its start which token no rule speaks of', () => {
    expect(server.stdout).toContain('no access rule gives anything to idle: they may do nothing')
  })

  test('access explain names the rule that decides, and exits with 4 where none does', async () => {
    const explain = (as: string, repository: string, action: string, ...more: string[]) =>
      ops('access', 'explain', '--as', as, '--repository', repository, '--action', action, ...more)
    const allowed = await explain('ci', 'team/app', 'push')
    expect([allowed.code, allowed.stderr]).toEqual([0, ''])
    expect(allowed.stdout).toBe("'ci' may push in 'team/app', by access.rules[1]: ci may pull, push in team/**\n")
    const denied = await explain('ci', 'other/app', 'push')
    expect([denied.code, denied.stdout]).toEqual([4, "'ci' may not push in 'other/app': no rule allows it\n"])
    const unknown = await explain('bob', 'team/app', 'pull')
    expect([unknown.code, unknown.stdout]).toEqual([4, "there is no identity 'bob' here, so it may do nothing\n"])
    const json = await explain('ann', 'team/app', 'pull', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ identity: 'ann', known: true, action: 'pull', allowed: true })
    expect((await explain('anonymous', 'public/tool', 'pull')).code).toBe(0)
  })

  test('access explain refuses what is no action or repository with 2, and whoever does not administer with 4', async () => {
    const asked = ['access', 'explain', '--as', 'ci', '--repository', 'team/app']
    const action = await ops(...asked, '--action', 'fly')
    expect([action.code, action.stdout]).toEqual([2, ''])
    expect(action.stderr).toContain('action')
    expect((await ops(...asked)).code).toBe(2)
    expect((await ops('access', 'explain', '--as', 'ci', '--repository', 'NO', '--action', 'pull')).code).toBe(2)
    expect((await cli('ci-secret', ...asked, '--action', 'pull')).code).toBe(4)
  })

  test('token create prints the secret alone, and the rest beside it; it may what its scope says', async () => {
    const scope = 'repository:team/*:pull'
    const made = await ops('token', 'create', '--scope', scope, '--expires', '30d', '--note', 'ci machine')
    expect(made.code).toBe(0)
    expect(made.stdout).toMatch(/^ast_[\w-]{43}\n$/)
    const secret = made.stdout.trim()
    expect(made.stderr).toMatch(/^token [0-9a-f-]{36} \(ci machine\): repository:team\/\*:pull, until \d{4}-/)
    expect(made.stderr).not.toContain(secret)
    expect(await status(TEAM, `Bearer ${secret}`)).toBe(404)
    expect(await status(TEAM, basic('anything', secret))).toBe(404)
    expect(await status(OTHER, `Bearer ${secret}`)).toBe(403)
    expect(server.stdout).not.toContain(secret)
  })

  test('token list shows what it is for and its state, never its secret; token revoke ends it, twice as well', async () => {
    const made = await ops('token', 'create', '--scope', 'repository:team/*:pull', '--note', 'to revoke', '--json')
    const { id, secret, expires_at: until } = JSON.parse(made.stdout) as Record<string, string>
    expect(until).toBeNull()
    expect(await status(TEAM, `Bearer ${secret}`)).toBe(404)
    const revoked = await ops('token', 'revoke', id!, '--reason', 'leaked')
    expect([revoked.code, revoked.stdout]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^token ${id} \\(to revoke\\) is revoked since \\d{4}-`)),
    ])
    expect(await status(TEAM, `Bearer ${secret}`)).toBe(401)
    const again = await ops('token', 'revoke', id!, '--json')
    expect([again.code, JSON.parse(again.stdout)]).toEqual([0, expect.objectContaining({ id, note: 'to revoke' })])
    expect(JSON.parse(again.stdout)).toMatchObject({ revoked_at: expect.stringMatching(/Z$/) })

    const listed = await ops('token', 'list')
    const line = listed.stdout.split('\n').find((text) => text.includes(id!))
    expect(line).toMatch(/to revoke +repository:team\/\*:pull +never +\S+ +revoked *$/)
    const { tokens } = JSON.parse((await ops('token', 'list', '--json')).stdout) as {
      tokens: Record<string, unknown>[]
    }
    expect(tokens.find((token) => token.id === id)).toMatchObject({ note: 'to revoke', created_by: 'ops' })
    expect(listed.stdout + JSON.stringify(tokens)).not.toContain(secret)
  })

  test('token commands refuse what makes no sense with 2, an unknown id with 3, and whoever may not with 4', async () => {
    const create = (...more: string[]) => ops('token', 'create', ...more)
    const scope = ['--scope', 'repository:team/*:pull']
    expect((await create('--note', 'n')).code).toBe(2)
    expect((await create(...scope)).code).toBe(2)
    const lapse = await create(...scope, '--note', 'n', '--expires', 'soon')
    expect([lapse.code, lapse.stdout]).toEqual([2, ''])
    expect(lapse.stderr).toContain("--expires 'soon' is not a duration")
    const fly = await create('--scope', 'repository:team/*:fly', '--note', 'n')
    expect([fly.code, fly.stdout]).toEqual([2, ''])
    expect(fly.stderr).toContain('fly')
    expect((await ops('token', 'revoke', '0197c0de-0000-7000-8000-000000000000')).code).toBe(3)
    for (const args of [['list'], ['rotate-key'], ['create', ...scope, '--note', 'n']]) {
      const refused = await cli('ci-secret', 'token', ...args)
      expect([args[0], refused.code, refused.stdout]).toEqual([args[0], 4, ''])
    }
    const beyond = await create('--scope', 'repository:team/*:pull,collect', '--note', 'more than ops has')
    expect([beyond.code, beyond.stdout]).toEqual([4, ''])
    const problem = await cli('ci-secret', 'token', 'list', '--json')
    expect(problem.code).toBe(4)
    expect(JSON.parse(problem.stdout || problem.stderr)).toMatchObject({ status: 403 })
  })

  test('token rotate-key changes the key that signs, and what the key before signed stays good', async () => {
    const signed = async () => {
      const answer = await fetch(`${server.apiUrl}/token?scope=repository:team/app:pull`, {
        headers: { authorization: basic('ci', 'ci-secret') },
      })
      return ((await answer.json()) as { token: string }).token
    }
    const before = await signed()
    const rotated = await ops('token', 'rotate-key', '--json')
    expect(rotated.code).toBe(0)
    const { key_id: key, retired } = JSON.parse(rotated.stdout) as Record<string, string>
    expect(key).not.toBe(retired)
    const after = await signed()
    expect([keyOf(before), keyOf(after)]).toEqual([retired, key])
    for (const token of [before, after]) expect(await status(TEAM, `Bearer ${token}`)).toBe(404)
    expect((await ops('token', 'rotate-key')).stdout).toMatch(
      new RegExp(`^key \\S+ signs from now on; ${key} is retired`),
    )
  })
})

function keyOf(jwt: string): unknown {
  return (JSON.parse(Buffer.from(jwt.split('.')[0]!, 'base64url').toString()) as { kid: unknown }).kid
}

describe('a server that is to speak HTTPS', () => {
  let folder: string
  let env: Record<string, string>
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tls-'))
    env = { ARTIFACTSTORE_TLS_CERT: join(folder, 'cert.pem'), ARTIFACTSTORE_TLS_KEY: join(folder, 'key.pem') }
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  async function writeCertificate(): Promise<string> {
    const names = [{ type: 2 as const, value: 'localhost' }]
    const made = await generate([{ name: 'commonName', value: 'localhost' }], {
      keySize: 2048,
      extensions: [{ name: 'subjectAltName', altNames: names }],
    })
    writeFileSync(env.ARTIFACTSTORE_TLS_KEY!, made.private)
    writeFileSync(env.ARTIFACTSTORE_TLS_CERT!, made.cert)
    return made.cert
  }

  test('does, its command line too, and takes a renewed certificate while it runs', async () => {
    const first = await writeCertificate()
    const server = await ServerProcess.start({ ...env, ARTIFACTSTORE_AUTH_TOKENS: 'abc' })
    try {
      const answer = await secure(server.port, first)
      expect(answer.status).toBe(401)
      expect(answer.headers['strict-transport-security']).toMatch(/^max-age=\d+/)
      expect(answer.headers['www-authenticate']).toContain(`realm="https://localhost:${server.port}/token"`)
      await expect(fetch(`http://127.0.0.1:${server.port}/health`)).rejects.toThrow()
      const packages = await command(['packages', '--json'], {
        cwd: folder,
        env: {
          ...server.env,
          ARTIFACTSTORE_API_URL: `https://localhost:${server.port}`,
          ARTIFACTSTORE_API_TOKEN: 'abc',
          NODE_EXTRA_CA_CERTS: env.ARTIFACTSTORE_TLS_CERT!,
        },
      })
      expect([packages.code, packages.stderr]).toEqual([0, ''])

      const second = await writeCertificate()
      let shown = await secure(server.port, second).catch(() => undefined)
      for (; shown === undefined; shown = await secure(server.port, second).catch(() => undefined)) {
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      expect(shown.certificate.fingerprint256).not.toBe(answer.certificate.fingerprint256)
    } finally {
      await server.remove()
    }
  }, 120_000)

  test('does not start with half of what it takes, nor with files that are missing or broken', async () => {
    const serve = (more: Record<string, string>) =>
      command(['serve'], {
        cwd: folder,
        env: {
          PATH: process.env.PATH ?? '',
          HOME: folder,
          ARTIFACTSTORE_PORT: '0',
          ARTIFACTSTORE_AUTH_TOKENS: 'abc',
          ...more,
        },
      })
    await writeCertificate()
    const half = await serve({ ARTIFACTSTORE_TLS_CERT: env.ARTIFACTSTORE_TLS_CERT! })
    expect([half.code, half.stdout]).toEqual([78, ''])
    expect(half.stderr).toContain('ARTIFACTSTORE_TLS_KEY')
    const missing = await serve({ ...env, ARTIFACTSTORE_TLS_CERT: join(folder, 'nowhere.pem') })
    expect(missing.code).toBe(78)
    expect(missing.stderr).toContain('nowhere.pem')
    writeFileSync(env.ARTIFACTSTORE_TLS_KEY!, 'no key')
    const broken = await serve(env)
    expect(broken.code).toBe(78)
    expect(broken.stderr).not.toMatch(/\n {4}at /)
    writeFileSync(join(folder, 'users'), 'ann:{SHA}5yfRRkrhJDbomacm2lsvEdg4GyY=\n')
    const users = await serve({
      ARTIFACTSTORE_USERS_FILE: join(folder, 'users'),
      ARTIFACTSTORE_ACCESS_RULES: JSON.stringify(RULES),
    })
    expect(users.code).toBe(78)
    expect(users.stderr).toContain('ARTIFACTSTORE_USERS_FILE cannot be used: line 1: its hash is not bcrypt')
    expect(readdirSync(folder).filter((name) => name === 'var')).toEqual([])
  }, 120_000)
})

interface SecureAnswer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly certificate: PeerCertificate
}

function secure(port: number, ca: string): Promise<SecureAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { Host: `localhost:${port}` }
    const options = {
      host: '127.0.0.1',
      port,
      path: '/v2/',
      ca,
      servername: 'localhost',
      agent: false,
      headers,
    } as const
    const sent = get(options, (response) => {
      const certificate = (response.socket as TLSSocket).getPeerCertificate()
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, certificate }))
    })
    sent.on('error', reject)
  })
}
