import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loggedRequests, objectionTo, SECRET, USER, WAYS } from '../../conformance/access.ts'
import { ACCESSES } from '../../conformance/combinations.ts'

const ADDRESS = '127.0.0.1:5000'
const request = { method: 'GET', route: '/v2/', status: 200, actor: USER }

describe('a suite that came in another way than it should', () => {
  test('is seen where it should have been anonymous', () => {
    expect(objectionTo('anonymous', [{ ...request, actor: 'anonymous' }, request])).toMatch(/not anonymously/)
    expect(objectionTo('anonymous', [{ ...request, actor: 'anonymous' }])).toBeUndefined()
  })

  test('is seen where it should have sent Basic with everything', () => {
    expect(objectionTo('basic', [request, { ...request, status: 401 }])).toMatch(/challenged/)
    expect(objectionTo('basic', [request, { ...request, status: 404 }])).toBeUndefined()
  })

  test.each(['token', 'tls'] as const)('is seen where it should have asked for a token (%s)', (access) => {
    expect(objectionTo(access, [{ ...request, status: 401 }, request])).toMatch(/no token was issued/)
    expect(objectionTo(access, [{ ...request, route: '/token', status: 401 }])).toMatch(/no token was issued/)
    expect(
      objectionTo(access, [
        { ...request, status: 401 },
        { ...request, route: '/token' },
      ]),
    ).toBeUndefined()
  })
})

test('a log without requests proves no way of access', () => {
  for (const access of ACCESSES) expect(objectionTo(access, [])).toBe('the log of the server has no requests')
})

test('requests are read from the log of a server, beside its other lines', () => {
  const log = [
    'npm notice: something',
    '{"level":"INFO","msg":"listening on http://127.0.0.1:1"}',
    '{"level":"INFO","requestId":"a","method":"GET","route":"/token","status":200,"actor":"ops","msg":"request"}',
    '',
  ].join('\n')
  expect(loggedRequests(log)).toEqual([
    expect.objectContaining({ method: 'GET', route: '/token', status: 200, actor: 'ops' }),
  ])
})

test('Basic is in the address, and the suite has no other credentials that could answer a challenge', () => {
  const door = WAYS.basic.door(ADDRESS, '/folder')
  expect(door).toMatchObject({ registry: `${USER}:${SECRET}@${ADDRESS}`, username: '', password: '' })
  expect(new URL(`http://${door.registry}/v2/`)).toMatchObject({ username: USER, password: SECRET, host: ADDRESS })
})

describe('files of a server', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'conformance-access-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('give anonymous pull, push and delete everywhere, and nothing more', async () => {
    const settings = await WAYS.anonymous.server(folder)
    expect(JSON.parse(settings.ARTIFACTSTORE_ACCESS_RULES ?? '')).toEqual([
      { identities: ['anonymous'], repositories: ['**'], allow: ['pull', 'push', 'delete'] },
    ])
  })

  test('hold a certificate that a client accepts which trusts SSL_CERT_FILE alone', async () => {
    const { ARTIFACTSTORE_TLS_CERT: cert, ARTIFACTSTORE_TLS_KEY: key } = await WAYS.tls.server(folder)
    expect((await stat(key!)).mode & 0o077).toBe(0)
    const door = WAYS.tls.door(ADDRESS, folder)
    expect(door).toMatchObject({ scheme: 'https', username: USER, password: SECRET, env: { SSL_CERT_FILE: cert } })
    const server = createServer({ cert: await readFile(cert!), key: await readFile(key!) }, (_, response) =>
      response.end('over TLS'),
    ).listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      const ca = await readFile(door.env.SSL_CERT_FILE!)
      expect(await answer(`https://127.0.0.1:${port}/`, ca)).toBe('over TLS')
      expect(await answer(`https://localhost:${port}/`, ca)).toBe('over TLS')
      await expect(answer(`https://127.0.0.1:${port}/`)).rejects.toThrow(/self.signed/)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

function answer(url: string, ca?: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ...(ca && { ca }), agent: false, family: 4 }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(text)
    }).once('error', reject)
  })
}
