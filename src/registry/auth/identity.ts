/** Who acts, as events name them. Names of people who left stay in the log for ever: an `actor` is an opaque id. */
import type { Action } from './actions.ts'
import type { TokenScope } from './scope.ts'

export interface Identity {
  /** What becomes the `actor` of events. */
  readonly name: string
  /**
   * `static`: a token of the configuration. `issued`: a token that this server made. `user`: somebody of the user file.
   * `local`: whoever can open the database itself, or has the token that lies beside it.
   */
  readonly kind: 'static' | 'issued' | 'user' | 'anonymous' | 'local' | 'job'
  /** Of an issued token: all that it may do. */
  readonly scopes?: readonly TokenScope[]
  /** Of an issued token. */
  readonly tokenId?: string
  /** When the credential lapses, milliseconds since the epoch. */
  readonly expiresAt?: number
  /** Of an access token: what it was asked for, which narrows what its holder may do. */
  readonly narrowedTo?: ReadonlyMap<string, readonly Action[]>
  /** Tells the credential apart from a later one of the same name; absent where there is none. */
  readonly fingerprint?: string
}

/** Nobody in particular: a reader without a credential, where reads are open. */
export const ANONYMOUS: Identity = Object.freeze({ name: 'anonymous', kind: 'anonymous' })
/** Whoever runs a command beside the database. */
export const LOCAL: Identity = Object.freeze({ name: 'local', kind: 'local' })

/** The scheduled job of this name. */
export function jobIdentity(job: string): Identity {
  return { name: `job:${job}`, kind: 'job' }
}

/** True for names that no token and no user may bear, because they already mean somebody: `anonymous`, `local`, `job:…`, `token:…`. */
export function isReservedName(name: string): boolean {
  return name === ANONYMOUS.name || name === LOCAL.name || /^(?:job|token):/.test(name)
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@/-]{0,127}$/

/** Why `name` cannot be the name of a token or a user; undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (isReservedName(name)) return `the name '${name}' is reserved`
  if (!NAME.test(name)) return "its name may have letters, digits, '.', '_', '@', '/' and '-' only, 128 at most"
  return undefined
}
