/** Who acts, as events name them. Names of people who left stay in the log for ever: an `actor` is an opaque id. */

export interface Identity {
  readonly name: string
  readonly kind: 'token' | 'anonymous' | 'local' | 'job'
}

/** Nobody in particular: a reader without a credential, where reads are open. */
export const ANONYMOUS: Identity = Object.freeze({ name: 'anonymous', kind: 'anonymous' })
/** Whoever runs a command beside the database. */
export const LOCAL: Identity = Object.freeze({ name: 'local', kind: 'local' })

/** The scheduled job of this name. */
export function jobIdentity(job: string): Identity {
  return { name: `job:${job}`, kind: 'job' }
}

/** True for names that no token may bear, because they already mean somebody: `anonymous`, `local`, `job:…`, `token:…`. */
export function isReservedName(name: string): boolean {
  return name === ANONYMOUS.name || name === LOCAL.name || /^(?:job|token):/.test(name)
}
