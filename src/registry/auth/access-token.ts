/**
 * Access tokens of the Docker token protocol, and the refresh tokens that get new ones: JWTs (RFC 7519) signed with
 * HMAC-SHA256. They say who presented which credential and what was asked for; what that identity may do is decided anew
 * on every request, so that a removed user or a revoked token ends them at once.
 */
import type { JWTPayload } from 'jose'
import type { Action } from './actions.ts'
import type { Identity } from './identity.ts'
import type { TokenKeys } from './token-keys.ts'

/** Loaded with the first JWT, and of jose only what is used here: 20 ms, where all of it takes 60 ms and 9 MiB more. */
const jose = {
  signing: () => import('jose/jwt/sign'),
  verifying: () => import('jose/jwt/verify'),
  heads: () => import('jose/decode/protected_header'),
  errors: () => import('jose/errors'),
}

/** Seconds. The protocol wants at least 60. */
export const ACCESS_TOKEN_SECONDS = 300
export const REFRESH_TOKEN_SECONDS = 30 * 24 * 60 * 60
/** Servers whose clocks differ by less than this accept each other's tokens. */
const SKEW_SECONDS = 60
const ISSUER = 'artifact-store'
const ALGORITHM = 'HS256'
/** Longer than any token of ours with a hundred repositories in it. */
const LIMIT_CHARACTERS = 32 * 1024

/** `JWT` is what clients of the Docker protocol expect; a refresh token is of a type that no request may bear. */
const TYPES = { access: 'JWT', refresh: 'artifactstore-refresh' } as const
export type JwtKind = keyof typeof TYPES

/** Who presented which credential. */
export interface Bearer {
  readonly name: string
  readonly kind: Identity['kind']
  readonly tokenId?: string
  readonly fingerprint?: string
}

export interface AccessGrant {
  readonly repository: string
  readonly actions: readonly Action[]
}

export interface JwtFacts {
  readonly bearer: Bearer
  readonly grants: readonly AccessGrant[]
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface Jwts {
  issue(kind: JwtKind, bearer: Bearer, grants?: readonly AccessGrant[]): Promise<{ token: string; issuedAt: number }>
  /** Undefined for anything that is not a token of ours, of this kind, for this service, and of now. */
  read(kind: JwtKind, token: string): Promise<JwtFacts | undefined>
}

interface Claims extends JWTPayload {
  readonly who?: Bearer['kind']
  readonly token?: string
  readonly cred?: string
  readonly access?: readonly { readonly type: string; readonly name: string; readonly actions: readonly Action[] }[]
}

/** `service`: the audience. Milliseconds from `clock`, 16 random bytes from `random`. */
export function createJwts(options: {
  keys: TokenKeys
  service: string
  clock: () => number
  random: () => Uint8Array
}): Jwts {
  const { keys, service, clock, random } = options
  return {
    async issue(kind, bearer, grants = []) {
      const { SignJWT } = await jose.signing()
      const key = await keys.newest()
      const issuedAt = Math.floor(clock() / 1_000)
      const seconds = kind === 'access' ? ACCESS_TOKEN_SECONDS : REFRESH_TOKEN_SECONDS
      const claims: Claims = {
        who: bearer.kind,
        ...(bearer.tokenId && { token: bearer.tokenId }),
        ...(bearer.fingerprint && { cred: bearer.fingerprint }),
        access: grants.map(({ repository, actions }) => ({ type: 'repository', name: repository, actions })),
      }
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPES[kind], kid: key.id })
        .setSubject(bearer.name)
        .setIssuer(ISSUER)
        .setAudience(service)
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + seconds)
        .setJti(Buffer.from(random()).toString('base64url'))
        .sign(key.secret)
      return { token, issuedAt: issuedAt * 1_000 }
    },
    async read(kind, token) {
      if (token.length > LIMIT_CHARACTERS || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined
      const key = await keyOf(keys, token)
      if (!key) return undefined
      const { jwtVerify } = await jose.verifying()
      const { JOSEError } = await jose.errors()
      try {
        const { payload } = await jwtVerify<Claims>(token, key, {
          algorithms: [ALGORITHM],
          typ: TYPES[kind],
          issuer: ISSUER,
          audience: service,
          clockTolerance: SKEW_SECONDS,
          currentDate: new Date(clock()),
          requiredClaims: ['sub', 'iat', 'exp', 'who'],
        })
        return factsOf(payload)
      } catch (error) {
        if (error instanceof JOSEError) return undefined
        throw error
      }
    },
  }
}

async function keyOf(keys: TokenKeys, token: string): Promise<Uint8Array | undefined> {
  const { decodeProtectedHeader } = await jose.heads()
  try {
    const { kid, alg } = decodeProtectedHeader(token)
    if (alg !== ALGORITHM || typeof kid !== 'string') return undefined
    return (await keys.find(kid))?.secret
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function factsOf(claims: Claims): JwtFacts {
  return {
    bearer: {
      name: claims.sub!,
      kind: claims.who!,
      ...(claims.token && { tokenId: claims.token }),
      ...(claims.cred && { fingerprint: claims.cred }),
    },
    grants: (claims.access ?? []).map(({ name, actions }) => ({ repository: name, actions })),
    issuedAt: claims.iat! * 1_000,
    expiresAt: claims.exp! * 1_000,
  }
}
