/**
 * Damping of guesses: after some failures from one address, or for one name, further ones wait, twice as long each
 * time. Whoever has signed in from an address before is not kept out by others who guess at the same name.
 * In this process only: a cluster allows each guesser as many more attempts as it has servers.
 */

/** Failures that are forgiven, as people mistype and machines start with an old secret. */
const FREE = 10
/** After this long without a failure all is forgotten. */
const MEMORY_MS = 10 * 60_000
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000
/** Addresses and names kept in mind; the longest unseen go first. */
const KEPT = 10_000

interface Record {
  failures: number
  blockedUntil: number
  lastAt: number
}

export interface Attempts {
  /** Seconds until an attempt counts again; undefined: it may be made now. */
  wait(address: string, name?: string): number | undefined
  failed(address: string, name?: string): void
  succeeded(address: string, name: string): void
}

export function createAttempts(clock: () => number): Attempts {
  const records = new Map<string, Record>()
  const friends = new Map<string, true>()
  const waitOf = (key: string): number => {
    const record = records.get(key)
    return record ? record.blockedUntil - clock() : 0
  }
  const fail = (key: string): void => {
    const now = clock()
    const before = records.get(key)
    records.delete(key)
    const failures = before && now - before.lastAt < MEMORY_MS ? before.failures + 1 : 1
    const beyond = failures - FREE
    const wait = beyond <= 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (beyond - 1))
    remember(records, key, { failures, blockedUntil: now + wait, lastAt: now })
  }
  return {
    wait(address, name) {
      const place = placeOf(address)
      if (name !== undefined && friends.has(`${place} ${name}`)) return undefined
      const left = Math.max(waitOf(`at ${place}`), name === undefined ? 0 : waitOf(`as ${name}`))
      return left > 0 ? Math.ceil(left / 1_000) : undefined
    },
    failed(address, name) {
      const place = placeOf(address)
      fail(`at ${place}`)
      if (name !== undefined) fail(`as ${name}`)
      friends.delete(`${place} ${name}`)
    },
    succeeded(address, name) {
      const key = `${placeOf(address)} ${name}`
      friends.delete(key)
      remember(friends, key, true)
    },
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  if (map.size > KEPT) map.delete(map.keys().next().value!)
}

/** Whoever has one address of IPv6 has 2^64 of them. */
function placeOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length
  const all = [...groups, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...(tail?.split(':') ?? [])]
  return all.slice(0, 4).join(':')
}
