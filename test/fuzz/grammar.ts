/**
 * Requests out of a seed: a sensible one of the API first, and then, more often than not, something is bent in its method,
 * path, query, headers or body. Requests whose framing is broken are made in hostile-framing.ts.
 */
import type { Choices } from '../support/choices.ts'
import { bentHeaders, bentPath, bentQuery } from './bends.ts'
import { bodyFor, type Draft } from './bodies.ts'
import { BLOBS, IDENTITIES, INDEX_TYPE, MANIFEST_TYPE, REPOSITORIES, TAGS, type Who, type World } from './world.ts'

export interface FuzzRequest {
  readonly who: Who
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  readonly isChunked: boolean
  /** Only so much of the body is sent before the client leaves; undefined: all. */
  readonly leavesAfter: number | undefined
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE']

export function requestOf(choose: Choices, world: World): FuzzRequest {
  const draft = draftOf(choose, world)
  const { who, header } = credential(choose, world, draft)
  const headers: (readonly [string, string])[] = [['Host', 'registry.example'], ...header, ...draft.headers]
  const isBent = choose.chance(55)
  const method = isBent && choose.chance(10) ? choose.of(METHODS) : draft.method
  const path = isBent && choose.chance(40) ? bentPath(choose, draft.path) : draft.path
  const query = isBent && choose.chance(40) ? bentQuery(choose, draft.query) : draft.query
  const { body, type } = bodyFor(choose, draft, isBent && choose.chance(40))
  if (type !== undefined) headers.push(['Content-Type', type])
  if (isBent && choose.chance(50)) headers.push(...bentHeaders(choose))
  const mayLeave = body.length > 1 && draft.kind !== 'begin' && draft.kind !== 'read'
  return {
    who,
    method,
    target: query === '' ? path : `${path}?${query}`,
    headers,
    body,
    isChunked: body.length > 0 && choose.chance(20),
    leavesAfter: mayLeave && choose.chance(2) ? choose.below(body.length) : undefined,
  }
}

/** The bytes on the line. */
export function encoded({ method, target, headers, body, isChunked, leavesAfter }: FuzzRequest): Buffer {
  const framing: [string, string][] = isChunked
    ? [['Transfer-Encoding', 'chunked']]
    : body.length > 0 || method === 'PUT' || method === 'POST' || method === 'PATCH'
      ? [['Content-Length', String(body.length)]]
      : []
  const lines = [...headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  const sent = body.subarray(0, leavesAfter)
  if (!isChunked) return Buffer.concat([head, sent])
  const middle = Math.ceil(sent.length / 2)
  const chunks = [sent.subarray(0, middle), sent.subarray(middle)].filter(({ length }) => length > 0)
  const end = leavesAfter === undefined ? '0\r\n\r\n' : ''
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([head, ...framed, Buffer.from(end)])
}

/** Who asks: mostly one who may, by a token as bearer or password, or by an access token that was fetched before. */
function credential(
  choose: Choices,
  world: World,
  draft: Draft,
): { who: Who; header: readonly (readonly [string, string])[] } {
  if (draft.owner !== undefined && choose.chance(85)) {
    if (draft.owner === 'nobody') return { who: 'nobody', header: [] }
    return { who: draft.owner, header: [['Authorization', `Bearer t-${draft.owner}`]] }
  }
  const roll = choose.below(100)
  if (roll < 8) return { who: 'nobody', header: [] }
  if (roll < 12) {
    const wrong = choose.of([
      'Bearer wrong',
      'Bearer ',
      'Basic !!',
      'Basic Og==',
      'Digest x',
      `Bearer ${'j'.repeat(9_000)}`,
    ])
    return { who: 'nobody', header: [['Authorization', wrong]] }
  }
  const learned = world.tokens.length > 0 && roll < 25 ? choose.of(world.tokens) : undefined
  if (learned) {
    const secret = choose.chance(10) ? `${learned.secret.slice(0, -3)}abc` : learned.secret
    return { who: learned.who, header: [['Authorization', `Bearer ${secret}`]] }
  }
  const who = choose.chance(70) ? 'admin' : choose.of(IDENTITIES)
  const basic = Buffer.from(`${who}:t-${who}`).toString('base64')
  return { who, header: [['Authorization', choose.chance(20) ? `Basic ${basic}` : `Bearer t-${who}`]] }
}

const DRAFTS: readonly (readonly [weight: number, (choose: Choices, world: World) => Draft])[] = [
  [12, putBlob],
  [8, beginUpload],
  [14, goOnWithUpload],
  [12, putManifest],
  [22, read],
  [10, list],
  [5, remove],
  [4, mountBlob],
  [6, askForToken],
]
const WEIGHTS = DRAFTS.reduce((sum, [weight]) => sum + weight, 0)

function draftOf(choose: Choices, world: World): Draft {
  let roll = choose.below(WEIGHTS)
  for (const [weight, draft] of DRAFTS) {
    if (roll < weight) return draft(choose, world)
    roll -= weight
  }
  throw new Error('the weights do not add up')
}

const plain = { query: '', headers: [], owner: undefined } as const

function putBlob(choose: Choices): Draft {
  const blob = choose.of(BLOBS)
  const digest = choose.chance(85) ? blob.sha256 : blob.sha512
  const path = `/v2/${choose.of(REPOSITORIES)}/blobs/uploads/`
  return { ...plain, kind: 'blob', method: 'POST', path, query: `digest=${digest}`, content: blob.bytes }
}

function beginUpload(choose: Choices): Draft {
  const query = choose.of(['', '', '', 'digest-algorithm=sha512', 'digest-algorithm=md5'])
  return { ...plain, kind: 'begin', method: 'POST', path: `/v2/${choose.of(REPOSITORIES)}/blobs/uploads/`, query }
}

function mountBlob(choose: Choices): Draft {
  const from = choose.chance(70) ? `&from=${choose.of(REPOSITORIES)}` : ''
  const query = `mount=${choose.of(BLOBS).sha256}${from}`
  return { ...plain, kind: 'begin', method: 'POST', path: `/v2/${choose.of(REPOSITORIES)}/blobs/uploads/`, query }
}

function goOnWithUpload(choose: Choices, world: World): Draft {
  const known = world.uploads.length > 0 ? choose.of(world.uploads) : undefined
  const path = known?.location ?? '/v2/team/a/blobs/uploads/none'
  const blob = choose.of(BLOBS)
  const base = { ...plain, kind: 'upload', path, owner: known?.who } as const
  const range = choose.of([[], [], [['Content-Range', `0-${Math.max(0, blob.bytes.length - 1)}`]]] as const)
  switch (choose.below(6)) {
    case 0:
      return { ...base, method: 'GET' }
    case 1:
      return { ...base, method: 'DELETE' }
    case 2:
    case 3:
      return { ...base, method: 'PATCH', headers: range, content: blob.bytes }
    default:
      return { ...base, method: 'PUT', query: `digest=${blob.sha256}`, headers: range, content: blob.bytes }
  }
}

function putManifest(choose: Choices, world: World): Draft {
  const manifest = manifestOf(choose, world)
  const type = choose.chance(90)
    ? String(manifest.mediaType)
    : choose.of(['', 'text/plain', 'application/json; charset=x'])
  const path = `/v2/${choose.of(REPOSITORIES)}/manifests/${choose.of(TAGS)}`
  return { ...plain, kind: 'manifest', method: 'PUT', path, manifest, type }
}

function manifestOf(choose: Choices, world: World): Record<string, unknown> {
  const some = (mediaType: string) => {
    const { sha256: digest, bytes } = choose.of(BLOBS)
    return { mediaType, digest, size: bytes.length }
  }
  const subject = world.manifests.length > 0 && choose.chance(30) ? choose.of(world.manifests) : undefined
  const more = {
    ...(subject && { subject: { mediaType: MANIFEST_TYPE, digest: subject.digest, size: subject.size } }),
    ...(choose.chance(20) && { artifactType: 'application/vnd.example.thing' }),
    ...(choose.chance(20) && { annotations: { note: `n${choose.below(4)}` } }),
  }
  if (choose.chance(25)) {
    const child = world.manifests.length > 0 ? choose.of(world.manifests) : undefined
    const manifests = child ? [{ mediaType: MANIFEST_TYPE, digest: child.digest, size: child.size }] : []
    return { schemaVersion: 2, mediaType: INDEX_TYPE, manifests, ...more }
  }
  const layers = Array.from({ length: choose.below(3) }, () => some('application/vnd.oci.image.layer.v1.tar'))
  return { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: some('application/vnd.example.config'), layers, ...more }
}

function read(choose: Choices, world: World): Draft {
  const repository = choose.of(REPOSITORIES)
  const method = choose.of(['GET', 'GET', 'HEAD'])
  const headers = choose.chance(20)
    ? [['Range', choose.of(['bytes=0-3', 'bytes=-5', 'bytes=9-1', 'bytes=0-0,2-3'])]]
    : []
  if (choose.chance(50)) {
    const path = `/v2/${repository}/blobs/${choose.of(BLOBS).sha256}`
    return { ...plain, kind: 'read', method, path, headers: headers as [string, string][] }
  }
  const known = world.manifests.length > 0 ? choose.of(world.manifests) : undefined
  const path =
    known && choose.chance(60)
      ? `/v2/${known.repository}/manifests/${known.digest}`
      : `/v2/${repository}/manifests/${choose.of(TAGS)}`
  return { ...plain, kind: 'read', method, path }
}

function list(choose: Choices, world: World): Draft {
  const repository = choose.of(REPOSITORIES)
  const n = choose.of(['', 'n=1', 'n=2', 'n=0', 'n=1&last=v1', 'last=team/a', `n=3&last=${'z'.repeat(200)}`])
  const known = world.manifests.length > 0 ? choose.of(world.manifests) : undefined
  const path = choose.of([
    '/v2/',
    '/v2/_catalog',
    `/v2/${repository}/tags/list`,
    `/v2/${known?.repository ?? repository}/referrers/${known?.digest ?? choose.of(BLOBS).sha256}`,
  ])
  return { ...plain, kind: 'read', method: 'GET', path, query: n }
}

function remove(choose: Choices, world: World): Draft {
  const repository = choose.of(REPOSITORIES)
  const known = world.manifests.length > 0 ? choose.of(world.manifests) : undefined
  const path = choose.of([
    `/v2/${repository}/manifests/${choose.of(TAGS)}`,
    `/v2/${known?.repository ?? repository}/manifests/${known?.digest ?? 'v1'}`,
    `/v2/${repository}/blobs/${choose.of(BLOBS).sha256}`,
  ])
  return { ...plain, kind: 'read', method: 'DELETE', path }
}

function askForToken(choose: Choices, world: World): Draft {
  const scope = `scope=repository:${choose.of(REPOSITORIES)}:${choose.of(['pull', 'pull,push', '*', 'delete,tag', ''])}`
  if (choose.chance(60)) {
    const offline = choose.chance(20) ? '&offline_token=true' : ''
    return {
      ...plain,
      kind: 'token',
      method: 'GET',
      path: '/token',
      query: `service=artifact-store&${scope}${offline}`,
    }
  }
  const refresh = world.refreshTokens.length > 0 ? choose.of(world.refreshTokens) : 'none'
  const form = choose.of([
    `grant_type=password&username=admin&password=t-admin&${scope}&access_type=offline`,
    `grant_type=refresh_token&refresh_token=${refresh}&${scope}`,
    'grant_type=password',
    'grant_type=client_credentials',
  ])
  const type = 'application/x-www-form-urlencoded'
  return { ...plain, kind: 'token', method: 'POST', path: '/token', owner: 'nobody', content: Buffer.from(form), type }
}
