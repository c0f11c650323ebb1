/** Identities that may do only part of it: each route asks for its right, and refusals tell nothing of what is there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ociEndpoints } from '../../src/oci/index.ts'
import type { AccessOptions } from '../../src/registry/index.ts'
import { type Answer, type Door, imageManifest, openDoor, type RequestOptions, sha256 } from './oci-fixture.ts'

const BLOB = 'a secret'
const DIGEST = sha256(BLOB)
const rule = (identities: string[], repositories: string[], allow: string[]) => ({
  identities,
  repositories,
  allow,
  origin: 'test',
})
const ACCESS = {
  tokens: [
    'root:t-root',
    'puller:t-puller',
    'pusher:t-pusher',
    'tagger:t-tagger',
    'deleter:t-deleter',
    'nothing:t-nothing',
  ],
  rules: [
    rule(['root'], ['**'], ['pull', 'push', 'delete', 'tag']),
    rule(['puller'], ['team/**'], ['pull']),
    rule(['pusher'], ['team/**'], ['push']),
    rule(['tagger'], ['team/**'], ['pull', 'tag']),
    rule(['deleter'], ['team/**'], ['delete']),
    rule(['anonymous'], ['open/**'], ['pull']),
  ],
} as unknown as AccessOptions

let door: Door
let manifest: string
beforeAll(async () => {
  door = await openDoor({ access: ACCESS })
  for (const repository of ['team/app', 'secret/app', 'open/app']) manifest = await fill(repository)
})
afterAll(() => door[Symbol.asyncDispose]())

const as =
  (who: string | null) =>
  (method: string, path: string, options: RequestOptions = {}): Promise<Answer> =>
    door.send(method, path, { ...options, token: who === null ? null : `t-${who}` })
const root = as('root')
const HEADERS = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }

async function fill(repository: string): Promise<string> {
  for (const body of ['{}', BLOB])
    await root('POST', `/v2/${repository}/blobs/uploads/?digest=${sha256(body)}`, { body })
  const body = JSON.stringify(imageManifest())
  const put = await root('PUT', `/v2/${repository}/manifests/v1`, { body, headers: HEADERS })
  if (put.status !== 201) throw new Error(`not put: ${put.status} ${put.bytes}`)
  return sha256(body)
}

/** The same request about a repository that exists and one that does not. */
const twins = (repository: string, missing: string) =>
  ociEndpoints({ registry: door.registry })
    .filter(({ path }) => path.includes('*name'))
    .flatMap(({ method, path }) =>
      (path.includes(':reference') ? ['v1', manifest] : [DIGEST]).map((reference) => ({
        method: method.toUpperCase(),
        existing: filled(path, repository, reference),
        missing: filled(path, missing, reference),
      })),
    )

function filled(path: string, repository: string, reference: string): string {
  return path
    .replace('*name', repository)
    .replace(/:(?:digest|reference)/, reference)
    .replace(':upload', 'none')
}

function shape(answer: Answer, repository: string) {
  const headers = Object.fromEntries(answer.headers)
  for (const name of ['date', 'x-request-id']) delete headers[name]
  return JSON.stringify([answer.status, headers, answer.bytes.toString()]).replaceAll(repository, '<name>')
}

describe('whoever may not read a repository', () => {
  test.each([null, 'puller', 'nothing'])(
    'is answered the same on every route whether it exists or not (%s)',
    async (who) => {
      const routes = twins('secret/app', 'secret/not')
      expect(routes.length).toBeGreaterThan(14)
      for (const { method, existing, missing } of routes) {
        const [there, not] = [await as(who)(method, existing), await as(who)(method, missing)]
        expect([method, existing, there.status]).toEqual([method, existing, who === null ? 401 : 403])
        expect(shape(there, 'secret/app')).toBe(shape(not, 'secret/not'))
      }
    },
  )

  test('is told nothing by lists: the catalog and its pages show what may be read', async () => {
    const seen = async (who: string | null) => (await as(who)('GET', '/v2/_catalog')).json
    expect(await seen('puller')).toEqual({ repositories: ['open/app', 'team/app'] })
    expect(await seen('nothing')).toEqual({ repositories: ['open/app'] })
    const page = await as('puller')('GET', '/v2/_catalog?n=1&last=open/app')
    expect([page.json, page.headers.get('link')]).toEqual([{ repositories: ['team/app'] }, null])
    expect((await as(null)('GET', '/v2/_catalog')).status).toBe(401)
  })

  test('learns by no mount whether a blob is there', async () => {
    const mount = (digest: string, from?: string) =>
      as('pusher')('POST', `/v2/team/mine/blobs/uploads/?mount=${digest}${from ? `&from=${from}` : ''}`)
    const none = sha256('nobody has this')
    const answers = [
      await mount(DIGEST, 'secret/app'),
      await mount(DIGEST, 'secret/not'),
      await mount(none, 'secret/app'),
      await mount(none),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(202)
      expect([answer.headers.get('docker-content-digest'), answer.headers.get('range')]).toEqual([null, '0-0'])
    }
    expect((await root('HEAD', `/v2/team/mine/blobs/${DIGEST}`)).status).toBe(404)
    // The blob is in `open/app` as well, which everybody may read.
    expect((await mount(DIGEST, 'open/app')).status).toBe(201)
  })

  test('learns by no upload of a blob that others hold whether the store had it: the bytes must come', async () => {
    const path = `/v2/team/other/blobs/uploads/?digest=${DIGEST}`
    expect((await as('pusher')('POST', path)).status).toBe(400)
    expect((await as('pusher')('POST', path, { body: BLOB })).status).toBe(201)
  })
})

describe('an identity that may only', () => {
  const outcomes = async (who: string | null, repository: string) => {
    const ask = as(who)
    const body = JSON.stringify(imageManifest({ annotations: { by: String(who) } }))
    const old = JSON.stringify(imageManifest())
    return {
      pull: (await ask('GET', `/v2/${repository}/manifests/v1`)).status,
      blob: (await ask('GET', `/v2/${repository}/blobs/${DIGEST}`)).status,
      list: (await ask('GET', `/v2/${repository}/tags/list`)).status,
      referrers: (await ask('GET', `/v2/${repository}/referrers/${manifest}`)).status,
      upload: (await ask('POST', `/v2/${repository}/blobs/uploads/`)).status,
      push: (await ask('PUT', `/v2/${repository}/manifests/by-${who}`, { body, headers: HEADERS })).status,
      tag: (await ask('PUT', `/v2/${repository}/manifests/tag-${who}`, { body: old, headers: HEADERS })).status,
      untag: (await ask('DELETE', `/v2/${repository}/manifests/gone-${who}`)).status,
      remove: (await ask('DELETE', `/v2/${repository}/blobs/${sha256('not there')}`)).status,
    }
  }
  const reads = (status: number) => ({ pull: status, blob: status, list: status, referrers: status })

  test.each([
    ['pull', 'puller', { ...reads(200), upload: 403, push: 403, tag: 403, untag: 403, remove: 403 }],
    ['push', 'pusher', { ...reads(403), upload: 202, push: 201, tag: 201, untag: 403, remove: 403 }],
    ['pull and tag', 'tagger', { ...reads(200), upload: 403, push: 403, tag: 201, untag: 404, remove: 403 }],
    ['delete', 'deleter', { ...reads(403), upload: 403, push: 403, tag: 403, untag: 404, remove: 404 }],
    ['look on', 'nothing', { ...reads(403), upload: 403, push: 403, tag: 403, untag: 403, remove: 403 }],
  ])('%s does that and nothing else', async (_what, who, expected) => {
    expect(await outcomes(who, 'team/app')).toEqual(expected)
  })

  test('read under a prefix, without a credential, is asked for one everywhere else', async () => {
    expect(await outcomes(null, 'open/app')).toEqual({
      ...reads(200),
      ...{ upload: 401, push: 401, tag: 401, untag: 401, remove: 401 },
    })
    expect(await outcomes(null, 'team/app')).toMatchObject(reads(401))
    expect((await as(null)('GET', '/v2/opening/tags/list')).status).toBe(401)
    expect((await as(null)('GET', '/v2/open/../secret/app/tags/list')).status).not.toBe(200)
  })
})
