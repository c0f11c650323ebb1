/**
 * What the Authorization header says, and the meeting of who asks with what the route needs. Who somebody is and what they
 * may do is the domain's (`Guard` is injected); this file knows the header's syntax and in which order to refuse.
 */
import type { Access, ApiRequest, Identity, Need } from './endpoint.ts'
import { RequestError } from './request-error.ts'

export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly secret: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'unreadable' }

/** `invalid`: the credential belongs to nobody. Else too many came from there, and this one was not looked at. */
export type AuthRefusal = 'invalid' | { readonly retryAfterSeconds: number }
/** `beyond-scope`: the identity may, but the token that it shows was asked for less. */
export type Standing = 'allowed' | 'denied' | 'beyond-scope'

export interface Guard {
  identify(
    credential: Credential,
    from: { readonly address: string },
  ): Identity | AuthRefusal | Promise<Identity | AuthRefusal>
  decide(identity: Identity, action: string, on: string): Standing
}

export const NOBODY: Identity = Object.freeze({ name: 'anonymous', kind: 'anonymous' })
const NONE: Credential = Object.freeze({ kind: 'none' })
const UNREADABLE: Credential = Object.freeze({ kind: 'unreadable' })

/**
 * `Bearer <secret>` and `Basic`. Basic with neither user nor password is no credential: podman sends it when it has none.
 */
export function credentialOf(authorization: string | undefined): Credential {
  if (authorization === undefined) return NONE
  const space = authorization.indexOf(' ')
  if (space < 0) return UNREADABLE
  const value = authorization.slice(space + 1).trim()
  const scheme = authorization.slice(0, space)
  // As nearly all write it: lower case is a copy, and this is on the way of every request.
  switch (scheme === 'Bearer' ? 'bearer' : scheme.toLowerCase()) {
    case 'bearer':
      return value === '' ? UNREADABLE : { kind: 'bearer', secret: value }
    case 'basic':
      return basicCredential(value)
    default:
      return UNREADABLE
  }
}

function basicCredential(encoded: string): Credential {
  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon < 0) return UNREADABLE
  const [user, password] = [decoded.slice(0, colon), decoded.slice(colon + 1)]
  if (password === '') return user === '' ? NONE : UNREADABLE
  return { kind: 'basic', user, password }
}

/** Who asks. A route that is open to everybody takes a wrong credential for none: health checks survive a rotated token. */
export async function identified(
  guard: Guard,
  credential: Credential,
  { access, address }: { access: Access; address: string },
): Promise<Identity> {
  if (credential.kind === 'none') return NOBODY
  const answer = guard.identify(credential, { address })
  const identity = answer instanceof Promise ? await answer : answer
  if (identity !== 'invalid' && !('retryAfterSeconds' in identity)) return identity
  if (access === 'open') return NOBODY
  throw refusedCredential(identity)
}

export function refusedCredential(refusal: AuthRefusal): RequestError {
  if (refusal === 'invalid') return new RequestError('credentials-invalid', 'the credential is not valid here')
  const { retryAfterSeconds } = refusal
  return new RequestError(
    'attempts-exceeded',
    `too many wrong credentials came from your address or for your name: try again in ${retryAfterSeconds} s`,
    { retryAfterSeconds },
  )
}

/** Throws what a request is told whose route needs more than it may do, before anything was looked up. */
export function admit(request: ApiRequest, access: Access): void {
  if (access === 'open' || access === 'identified') return
  const needs = needsOf(request, access)
  for (const need of needs) request.require(need, needs)
}

/** Whoever may nothing at all learns nothing from the syntax of names either. */
function needsOf(request: ApiRequest, access: (request: ApiRequest) => readonly Need[]): readonly Need[] {
  try {
    return access(request)
  } catch (error) {
    if (request.identity.kind === 'anonymous' && !request.may('pull', SOMEWHERE)) throw missingCredential([])
    throw error
  }
}

/** Of `Need.on` and `Guard.decide`: all resources at once. */
export const EVERYTHING = '*'
/** At least one resource, which the handler narrows down. */
export const SOMEWHERE = '?'

/** Throws unless one of the alternatives is allowed. `all`: what the request needs together, for whoever asks for a token. */
export function requireNeed(
  guard: Guard,
  identity: Identity,
  { need, all }: { need: Need; all: readonly Need[] },
): void {
  const standings = need.anyOf.map((action) => guard.decide(identity, action, need.on))
  if (standings.includes('allowed')) return
  if (standings.includes('beyond-scope')) {
    throw new RequestError('scope-insufficient', 'the token was asked for less than this needs: get another one', {
      needs: all,
    })
  }
  if (identity.kind === 'anonymous') throw missingCredential(all)
  const where = need.on === EVERYTHING ? 'everywhere' : need.on === SOMEWHERE ? 'anywhere' : `in '${need.on}'`
  throw new RequestError('access-denied', `'${identity.name}' may not ${need.anyOf.join(' or ')} ${where}`, {
    needs: all,
  })
}

export function missingCredential(needs: readonly Need[]): RequestError {
  return new RequestError(
    'credentials-missing',
    'this needs a credential: a token as bearer or as the password of Basic, or a user and password',
    { needs },
  )
}
