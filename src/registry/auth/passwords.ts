/**
 * Checks of people's passwords. A check costs tens of milliseconds of a processor on purpose, and clients that speak
 * Basic send the password with every request: what was right a moment ago is remembered, and few run at once.
 */
import { createHmac } from 'node:crypto'
import type { Identity } from './identity.ts'
import type { UsersFile } from './users-file.ts'

const FRESH_MS = 60_000
const KEPT = 1_000
/** Of libuv's four threads, which also write files. */
const AT_ONCE = 2
/** Who comes beyond is told to try again. */
const WAITING = 64

export interface Passwords {
  /** Undefined for a wrong name or password; `busy` when too many are being checked. */
  check(name: string, password: string): Promise<Identity | 'busy' | undefined>
}

/** `secret`: so that what is remembered cannot be looked up in a list of hashes of passwords. */
export function createPasswords(users: UsersFile, secret: Uint8Array, clock: () => number): Passwords {
  const known = new Map<string, { readonly identity: Identity; readonly at: number }>()
  const waiting: (() => void)[] = []
  let running = 0
  const turn = async (): Promise<void> => {
    if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
  }
  const next = (): void => {
    const first = waiting.shift()
    if (first) first()
    else running -= 1
  }
  return {
    async check(name, password) {
      const key = createHmac('sha256', secret)
        .update(JSON.stringify([name, password]))
        .digest('base64url')
      const found = known.get(key)
      // The fingerprint changes with the entry of the file: a changed password is no longer remembered.
      if (found && clock() - found.at < FRESH_MS && users.named(name)?.fingerprint === found.identity.fingerprint) {
        return found.identity
      }
      known.delete(key)
      if (waiting.length >= WAITING) return 'busy'
      await turn()
      try {
        const identity = await users.verify(name, password)
        if (!identity) return undefined
        known.set(key, { identity, at: clock() })
        if (known.size > KEPT) known.delete(known.keys().next().value!)
        return identity
      } finally {
        next()
      }
    },
  }
}
