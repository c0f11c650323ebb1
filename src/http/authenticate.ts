/**
 * Who is asking, from the Authorization header. Secrets are compared elsewhere (`identify` is injected); this file only
 * reads the header and knows that a route may be open to anonymous readers.
 */
import type { Access, Identity } from './endpoint.ts'

/** Undefined for a secret that belongs to nobody. Compares in constant time. */
export type Identify = (secret: string) => Identity | undefined

/** `missing`: a credential would help. `invalid`: the one that came does not. */
export type AuthRefusal = 'missing' | 'invalid'

export type Authenticate = (
  authorization: string | undefined,
  access: Access,
) => Identity | AuthRefusal | Promise<Identity | AuthRefusal>

const ANONYMOUS: Identity = Object.freeze({ name: 'anonymous', kind: 'anonymous' })

/**
 * Accepts `Bearer <secret>` and `Basic`, whose password is the secret and whose user name means nothing (`oras login`
 * asks for one). Basic with neither user nor password is anonymous: podman sends it when it has no credentials.
 */
export function createAuthenticator(options: { identify: Identify; anonymousRead: boolean }): Authenticate {
  return (authorization, access) => {
    // A wrong credential does not close what is open to everybody: health checks must survive a rotated token.
    if (access === 'anonymous') return identified(authorization, options.identify) ?? ANONYMOUS
    const secret = authorization === undefined ? '' : credentialSecret(authorization)
    if (secret === undefined) return 'invalid'
    if (secret === '') return access === 'read' && options.anonymousRead ? ANONYMOUS : 'missing'
    return options.identify(secret) ?? 'invalid'
  }
}

function identified(authorization: string | undefined, identify: Identify): Identity | undefined {
  const secret = authorization === undefined ? undefined : credentialSecret(authorization)
  return secret ? identify(secret) : undefined
}

/** The secret of the header; '' for an empty Basic credential; undefined for what is no credential we read. */
export function credentialSecret(authorization: string): string | undefined {
  const space = authorization.indexOf(' ')
  if (space < 0) return undefined
  const value = authorization.slice(space + 1).trim()
  switch (authorization.slice(0, space).toLowerCase()) {
    case 'bearer':
      return value === '' ? undefined : value
    case 'basic':
      return basicPassword(value)
    default:
      return undefined
  }
}

function basicPassword(encoded: string): string | undefined {
  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon < 0) return undefined
  const password = decoded.slice(colon + 1)
  if (password !== '') return password
  return colon === 0 ? '' : undefined
}
