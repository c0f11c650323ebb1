/** What an answer teaches: places, digests and tokens to attack next, and what the server has now acknowledged. */
import type { Choices } from '../support/choices.ts'
import type { FuzzRequest } from './grammar.ts'
import type { WireAnswer } from './wire.ts'
import type { Ledger, World } from './world.ts'

const BLOB = /^\/v2\/(.+)\/blobs\/((?:sha256|sha512|blake3):[0-9a-f]+)$/
const MANIFEST = /^\/v2\/(.+)\/manifests\/((?:sha256|sha512|blake3):[0-9a-f]+)$/
const UPLOAD = /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/

export function learn(
  choose: Choices,
  request: FuzzRequest,
  answer: WireAnswer,
  to: { world: World; ledger: Ledger },
): void {
  const { world, ledger } = to
  const location = answer.headers.get('location')?.[0] ?? ''
  switch (answer.status) {
    case 201: {
      const [, blobRepository, blob] = BLOB.exec(location) ?? []
      if (blob) ledger.blobs.add(`${blobRepository} ${blob}`)
      const [, repository, digest] = MANIFEST.exec(location) ?? []
      if (!repository || !digest) return
      ledger.manifests.add(`${repository} ${digest}`)
      for (const tag of tagsOf(request, answer)) ledger.tags.add(`${repository} ${tag}`)
      world.learn(world.manifests, { repository, digest, size: request.body.length }, choose)
      return
    }
    case 202: {
      const [, , id] = UPLOAD.exec(location) ?? []
      if (request.method === 'DELETE') ledger.deleted.add(resourceOf(request.target))
      else if (id && request.method === 'POST') {
        ledger.uploads.add(id)
        world.learn(world.uploads, { location, who: request.who }, choose)
      }
      return
    }
    case 200:
      if (pathOf(request.target) === '/token' && answer.body.length > 0) learnTokens(choose, request, answer, world)
  }
}

function learnTokens(choose: Choices, request: FuzzRequest, answer: WireAnswer, world: World): void {
  const { token, refresh_token } = JSON.parse(answer.body.toString()) as { token: string; refresh_token?: string }
  // The one form that works is the administrator's.
  const isForm = request.method === 'POST' && request.body.includes('t-admin')
  const isRefresh = request.method === 'POST' && request.body.includes('refresh_token=')
  const who = isForm || isRefresh ? 'admin' : request.who
  world.learn(world.tokens, { who, secret: token }, choose)
  if (refresh_token && who === 'admin') world.learn(world.refreshTokens, refresh_token, choose)
}

function tagsOf(request: FuzzRequest, answer: WireAnswer): string[] {
  const confirmed = (answer.headers.get('oci-tag') ?? []).flatMap((tags) => tags.split(',').map((tag) => tag.trim()))
  const last = decodeURIComponent(pathOf(request.target).replace(/\/$/, '').split('/').at(-1) ?? '')
  return last.includes(':') ? confirmed : [...confirmed, last]
}

/** The path as the server understands it, however it was escaped. */
function resourceOf(target: string): string {
  return decodeURIComponent(
    pathOf(target)
      .replace(/^http:\/\/[^/]+/, '')
      .replace(/\/$/, ''),
  )
}

/** What the server routes by: '#' belongs in no target, and where one stands it ends the path. */
export function pathOf(target: string): string {
  return target.split(/[?#]/, 1)[0]!
}
