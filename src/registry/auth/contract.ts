/** Access as the doors see it: who is asking, what they may do, and the tokens that say so. Part of `Registry`. */
import type { Page, PageRequest } from '../registry.ts'
import type { Action } from './actions.ts'
import type { Identity } from './identity.ts'

/** What came with a request to say who asks. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly secret: string }
  /** The password may be a token, whatever the user. */
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  /** Something, and nothing that is read here. */
  | { readonly kind: 'unreadable' }

/** `invalid`: it belongs to nobody. Else too many guesses came from there, and this one was not looked at. */
export type AccessRefusal = 'invalid' | { readonly retryAfterSeconds: number }

/** `beyond-scope`: the identity may, but its access token was asked for less. */
export type Standing = 'allowed' | 'denied' | 'beyond-scope'

export interface AccessToken {
  readonly token: string
  readonly issuedAt: string
  readonly expiresInSeconds: number
  /** What was granted of what was asked for. */
  readonly scope: string
}

export interface Explanation {
  /** Whether there is such an identity. */
  readonly known: boolean
  readonly allowed: boolean
  /** The rule, scope or circumstance that decided; absent where nothing allows it. */
  readonly by?: string
}

export interface Access {
  /** The audience of access tokens. */
  readonly service: string
  /** At once where memory tells, so that most requests wait for nothing. */
  identify(
    credential: Credential,
    from: { readonly address: string },
  ): Identity | AccessRefusal | Promise<Identity | AccessRefusal>
  /** `on`: a repository, `EVERYTHING` or `SOMEWHERE`. Before any look-up, so that no answer tells what exists. */
  decide(identity: Identity, action: string, on: string): Standing
  /** The patterns of all repositories in which the identity may do it. */
  patterns(identity: Identity, action: Action): readonly string[]
  /** `scopes` as the Docker token protocol writes them; what is not allowed is left out. */
  issueAccessToken(identity: Identity, scopes: readonly string[]): Promise<AccessToken>
  /** Undefined for an anonymous identity. */
  issueRefreshToken(identity: Identity): Promise<string | undefined>
  /** Whose refresh token this is. */
  refresh(token: string, from: { readonly address: string }): Promise<Identity | AccessRefusal>
  /** Why the identity of this name may do it or not. */
  explain(name: string, action: Action, repository: string): Promise<Explanation>
  /** From now on another key signs access tokens. What the key before signed stays valid until it expires. */
  rotateKey(actor: string): Promise<{ readonly keyId: string; readonly retired: string }>
  /** Tokens and users of the configuration that no rule gives anything. */
  unmentioned(): readonly string[]
}

export interface NewToken {
  /** `repository:<pattern>:<action,action>` each. */
  readonly scopes: readonly string[]
  readonly note: string
  /** Absent: until it is revoked. */
  readonly expiresInSeconds?: number
}

export interface IssuedToken {
  readonly id: string
  readonly scopes: readonly string[]
  readonly note: string
  readonly expiresAt: string | null
  readonly createdAt: string
  readonly createdBy: string
  readonly revokedAt: string | null
  /** To the minute. */
  readonly lastUsedAt: string | null
}

export interface Tokens {
  /** Throws `field-invalid`, and `denied` where the creator may not hand these rights on. The secret is shown this once. */
  create(request: NewToken, creator: Identity): Promise<{ token: IssuedToken; secret: string }>
  /** Throws `token-unknown`. */
  get(id: string): Promise<IssuedToken>
  /** Newest first, revoked ones included. Throws `cursor-unknown`. */
  list(page: PageRequest): Promise<Page<IssuedToken>>
  /** Repeating it changes nothing. Throws `token-unknown`, and `denied` for one who could not have issued it. */
  revoke(id: string, revoker: Identity, reason?: string): Promise<IssuedToken>
}
