/**
 * Who is asking and what they may do, for every door alike. Identity comes from a credential: a static token, a token that
 * was issued here, an access token of the Docker protocol, or a user's password. Rights come from the policy, anew on
 * every request.
 */
import { createHmac } from 'node:crypto'
import type { Core } from '../core.ts'
import {
  ACCESS_TOKEN_SECONDS,
  type AccessGrant,
  type Bearer,
  createJwts,
  type Jwts,
  REFRESH_TOKEN_SECONDS,
} from './access-token.ts'
import { ACTIONS, type Action, isAction } from './actions.ts'
import { type Attempts, createAttempts } from './attempts.ts'
import type { Access, AccessToken, Credential, Explanation, Standing } from './contract.ts'
import { ANONYMOUS, type Identity, LOCAL } from './identity.ts'
import { IssuedTokens } from './issued-tokens.ts'
import { createPasswords, type Passwords } from './passwords.ts'
import { type AccessRule, authorize, type Policy, patternsFor, SOMEWHERE } from './policy.ts'
import { ALL_REPOSITORIES } from './repository-pattern.ts'
import { parseRequestedScopes, type RequestedScope } from './scope.ts'
import { createStaticTokens, type StaticTokens } from './static-tokens.ts'
import { createTokenKeys, type TokenKeys } from './token-keys.ts'
import { openUsersFile, type UsersFile } from './users-file.ts'

export interface AccessOptions {
  /** Absent: tokens of the configuration may do everything. */
  readonly rules?: readonly AccessRule[]
  /** Everybody may read everything. */
  readonly anonymousRead?: boolean
  /** `token` or `name:token` each. */
  readonly tokens?: readonly string[]
  /** The token that lies beside the database: whoever can read it may do everything. */
  readonly localToken?: string
  readonly usersFile?: string
  /** A sentence for the operator. */
  readonly onProblem?: (sentence: string) => void
}

/** The audience of access tokens: those of another service mean nothing here. */
export const TOKEN_SERVICE = 'artifact-store'
const REMEMBERED = 1_000

export interface CreatedAccess {
  readonly access: Access
  readonly tokens: IssuedTokens
}

/** Throws RangeError for tokens or a user file that cannot be used. */
export async function createAccess(core: Core, options: AccessOptions): Promise<CreatedAccess> {
  const row = await core.database.reader.get<{ value: Uint8Array }>(
    "SELECT value FROM secrets WHERE name = 'credential-fingerprints'",
  )
  const secret = row!.value
  const fingerprint = (text: string): string =>
    createHmac('sha256', secret).update(text).digest('base64url').slice(0, 16)
  const { clock, ids } = core
  const onProblem = options.onProblem ?? (() => undefined)
  const users = options.usersFile
    ? openUsersFile({ path: options.usersFile, fingerprint, clock, onProblem })
    : undefined
  const keys = createTokenKeys(core, REFRESH_TOKEN_SECONDS * 1_000)
  const policy = policyOf(options)
  const issued = new IssuedTokens(core, policy)
  const access = new Gate({
    policy,
    statics: createStaticTokens(options.tokens ?? [], { fingerprint }),
    local: createStaticTokens(options.localToken ? [options.localToken] : [], { fingerprint, kind: 'local' }),
    issued,
    users,
    passwords: users && createPasswords(users, secret, clock),
    jwts: createJwts({ keys, service: TOKEN_SERVICE, clock, random: () => ids.random(16) }),
    keys,
    attempts: createAttempts(clock),
    clock,
  })
  return { access, tokens: issued }
}

function policyOf({ rules, anonymousRead = false }: AccessOptions): Policy {
  const everywhere = [ALL_REPOSITORIES]
  const open: AccessRule[] = anonymousRead
    ? [
        {
          identities: ['anonymous'],
          repositories: everywhere,
          allow: ['audit'],
          origin: 'ARTIFACTSTORE_ANON_READ=true',
        },
      ]
    : []
  if (rules) return { rules: [...rules, ...open] }
  const origin = 'no access rules: a token of the configuration may do everything'
  return { rules: [{ identities: ['@tokens'], repositories: everywhere, allow: ACTIONS, origin }, ...open] }
}

interface Parts {
  readonly policy: Policy
  readonly statics: StaticTokens
  readonly local: StaticTokens
  readonly issued: IssuedTokens
  readonly users: UsersFile | undefined
  readonly passwords: Passwords | undefined
  readonly jwts: Jwts
  readonly keys: TokenKeys
  readonly attempts: Attempts
  readonly clock: () => number
}

interface Remembered {
  readonly bearer: Bearer
  readonly narrowedTo: ReadonlyMap<string, readonly Action[]>
  readonly expiresAt: number
  /** The last one made of it, for as long as its holder stays the same. */
  identity?: { readonly holder: Identity; readonly narrowed: Identity }
}

class Gate implements Access {
  readonly service = TOKEN_SERVICE
  readonly #parts: Parts
  readonly #jwts = new Map<string, Remembered>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  identify(credential: Credential, { address }: { address: string }) {
    if (credential.kind === 'none') return ANONYMOUS
    if (credential.kind === 'unreadable') return this.#refused(address)
    const secret = credential.kind === 'bearer' ? credential.secret : credential.password
    return this.#atOnce(secret) ?? this.#byLookUp(credential, secret, address)
  }

  decide(identity: Identity, action: string, on: string): Standing {
    if (!isAction(action) || !authorize(this.#parts.policy, identity, action, on).allowed) return 'denied'
    const { narrowedTo } = identity
    if (narrowedTo === undefined || on === SOMEWHERE) return 'allowed'
    if (narrowedTo.get(on)?.includes(action)) return 'allowed'
    return authorize(this.#parts.policy, ANONYMOUS, action, on).allowed ? 'allowed' : 'beyond-scope'
  }

  patterns(identity: Identity, action: Action): readonly string[] {
    return patternsFor(this.#parts.policy, identity, action)
  }

  async issueAccessToken(identity: Identity, scopes: readonly string[]): Promise<AccessToken> {
    const grants = parseRequestedScopes(scopes).map((scope) => this.#granted(identity, scope))
    const { token, issuedAt } = await this.#parts.jwts.issue(
      'access',
      bearerOf(identity),
      grants.filter(({ actions }) => actions.length > 0),
    )
    return {
      token,
      issuedAt: new Date(issuedAt).toISOString(),
      expiresInSeconds: ACCESS_TOKEN_SECONDS,
      scope: grants.map(({ repository, actions }) => `repository:${repository}:${actions.join(',')}`).join(' '),
    }
  }

  async issueRefreshToken(identity: Identity): Promise<string | undefined> {
    if (identity.kind === 'anonymous') return undefined
    return (await this.#parts.jwts.issue('refresh', bearerOf(identity))).token
  }

  async refresh(token: string, { address }: { address: string }) {
    const facts = await this.#parts.jwts.read('refresh', token)
    const identity = facts && (await this.#holderOf(facts.bearer))
    return identity ?? this.#refused(address)
  }

  async explain(name: string, action: Action, repository: string): Promise<Explanation> {
    const identity = await this.#named(name)
    if (!identity) return { known: false, allowed: false }
    return { known: true, ...authorize(this.#parts.policy, identity, action, repository) }
  }

  rotateKey(actor: string): Promise<{ keyId: string; retired: string }> {
    return this.#parts.keys.rotate(actor)
  }

  unmentioned(): readonly string[] {
    const { policy, statics, users } = this.#parts
    const mentioned = new Set(policy.rules.flatMap(({ identities }) => identities))
    if (mentioned.has('*')) return []
    return [
      ...(mentioned.has('@tokens') ? [] : statics.names),
      ...(mentioned.has('@users') ? [] : (users?.names() ?? [])),
    ].filter((name) => !mentioned.has(name))
  }

  /** Whose secret it is as far as memory tells: waiting for a promise is what a credential would cost a small answer. */
  #atOnce(secret: string): Identity | undefined {
    const { statics, local, issued } = this.#parts
    // What was looked up is in a table; the others are compared with every token there is.
    return issued.known(secret) ?? this.#knownJwt(secret) ?? statics.identify(secret) ?? local.identify(secret)
  }

  async #byLookUp(credential: Exclude<Credential, { kind: 'none' | 'unreadable' }>, secret: string, address: string) {
    const identity = (await this.#parts.issued.identify(secret)) ?? (await this.#byJwt(secret))
    if (identity) return identity
    const { passwords } = this.#parts
    if (credential.kind === 'bearer' || !passwords) return this.#refused(address)
    return this.#byPassword(passwords, credential, address)
  }

  async #byPassword(passwords: Passwords, { user, password }: { user: string; password: string }, address: string) {
    const { attempts } = this.#parts
    const wait = attempts.wait(address, user)
    if (wait !== undefined) return { retryAfterSeconds: wait }
    const identity = await passwords.check(user, password)
    if (identity === 'busy') return { retryAfterSeconds: 1 }
    if (!identity) return this.#refused(address, user)
    attempts.succeeded(address, user)
    return identity
  }

  /** A credential that belongs to nobody: one more guess of this address. */
  #refused(address: string, user?: string): 'invalid' | { retryAfterSeconds: number } {
    const { attempts } = this.#parts
    const wait = attempts.wait(address)
    if (wait !== undefined) return { retryAfterSeconds: wait }
    attempts.failed(address, user)
    return 'invalid'
  }

  async #byJwt(token: string): Promise<Identity | undefined> {
    const known = this.#goodJwt(token) ?? (await this.#readJwt(token))
    const holder = known && (await this.#holderOf(known.bearer))
    return holder && narrowed(known, holder)
  }

  #knownJwt(token: string): Identity | undefined {
    const known = this.#goodJwt(token)
    const holder = known && this.#knownHolderOf(known.bearer)
    return holder && narrowed(known, holder)
  }

  #goodJwt(token: string): Remembered | undefined {
    const known = this.#jwts.get(token)
    if (known === undefined || known.expiresAt > this.#parts.clock()) return known
    this.#jwts.delete(token)
    return undefined
  }

  async #readJwt(token: string): Promise<Remembered | undefined> {
    const facts = await this.#parts.jwts.read('access', token)
    if (!facts) return undefined
    const narrowedTo = new Map(facts.grants.map(({ repository, actions }) => [repository, actions]))
    const remembered: Remembered = { bearer: facts.bearer, narrowedTo, expiresAt: facts.expiresAt + SKEW_MS }
    this.#jwts.set(token, remembered)
    if (this.#jwts.size > REMEMBERED) this.#jwts.delete(this.#jwts.keys().next().value!)
    return remembered
  }

  /** Whoever presented the credential, while that credential is still good. */
  async #holderOf(bearer: Bearer): Promise<Identity | undefined> {
    const { kind, tokenId } = bearer
    if (kind === 'issued') return tokenId === undefined ? undefined : this.#parts.issued.named(tokenId)
    return this.#knownHolderOf(bearer)
  }

  /** The same without the database: undefined too for an issued token that was not looked up of late. */
  #knownHolderOf({ name, kind, tokenId, fingerprint }: Bearer): Identity | undefined {
    if (kind === 'anonymous') return ANONYMOUS
    const { statics, local, users, issued } = this.#parts
    if (kind === 'issued') return tokenId === undefined ? undefined : issued.known(tokenId)
    const found = kind === 'user' ? users?.named(name) : (kind === 'local' ? local : statics).named(name)
    return found && found.fingerprint === fingerprint ? found : undefined
  }

  async #named(name: string): Promise<Identity | undefined> {
    if (name === ANONYMOUS.name) return ANONYMOUS
    if (name === LOCAL.name) return LOCAL
    const { statics, users, issued } = this.#parts
    return statics.named(name) ?? users?.named(name) ?? issued.named(name.replace(/^token:/, ''))
  }

  /** What was asked for and is allowed. Who may tag may also find out by asking to push: clients ask for no `tag`. */
  #granted(identity: Identity, { repository, actions }: RequestedScope): AccessGrant {
    const asked = new Set(actions)
    if (asked.has('push') || asked.has('delete')) asked.add('tag')
    const granted = ACTIONS.filter(
      (action) =>
        (asked.has(action) || asked.has('*')) && authorize(this.#parts.policy, identity, action, repository).allowed,
    )
    return { repository, actions: granted }
  }
}

function narrowed(jwt: Remembered, holder: Identity): Identity {
  if (jwt.identity?.holder !== holder) {
    jwt.identity = { holder, narrowed: { ...holder, narrowedTo: jwt.narrowedTo } }
  }
  return jwt.identity.narrowed
}

/** As the verification of a token allows for other servers' clocks. */
const SKEW_MS = 60_000

function bearerOf({ name, kind, tokenId, fingerprint }: Identity): Bearer {
  return { name, kind, ...(tokenId && { tokenId }), ...(fingerprint && { fingerprint }) }
}
