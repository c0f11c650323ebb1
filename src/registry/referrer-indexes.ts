/**
 * Pages of referrers as OCI indexes, ready to be sent and kept, because verifiers ask for the same few again and again.
 * Every request reads the state of the list first; a page that was made of another one is made anew. Nothing is told to anyone
 * when a list changes, so that it holds among any number of processes and servers on one database.
 */
import { ByteCache } from './byte-cache.ts'
import type { Sql } from './database/sql.ts'
import { OCI_INDEX } from './manifest/media-types.ts'
import { type ReferrerRow, readListState, readReferrers } from './referrer-rows.ts'
import type { ReferrerIndex, Referrers } from './registry.ts'

/** Of pages kept: some 60 of 1,000 referrers, or thousands of the few of one type. */
const LIMIT_BYTES = 16 * 1024 * 1024

const HEAD = `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[`
const TAIL = ']}'
const EMPTY: ReferrerIndex = Object.freeze({ bytes: Buffer.from(`${HEAD}${TAIL}`) })

interface Fit {
  readonly limit: number
  readonly indexBytes: number
}

interface Kept extends ReferrerIndex {
  readonly version: string
}

export function createReferrerIndexes(reader: Sql, limitBytes = LIMIT_BYTES): Referrers['index'] {
  const cache = new ByteCache<Kept>(limitBytes)
  return async (repository, subject, { artifactTypes: types = [], limit, after = '', indexBytes }) => {
    // Before the rows: a page of newer rows under an older version is only never used, the reverse would be served as new.
    const state = await readListState(reader, repository, subject)
    if (state?.version === undefined) return EMPTY
    const { repositoryId, version } = state
    const artifactTypes = types.length > 1 ? [...new Set(types)].sort() : types
    const key = JSON.stringify([repository, subject, after, limit, indexBytes, ...artifactTypes])
    const kept = cache.get(key)
    if (kept?.version === version) return kept
    const rows = await readReferrers(reader, { repositoryId, subject, after, artifactTypes, limit: limit + 1 })
    const page = { version, ...indexOf(rows, { limit, indexBytes }) }
    cache.set(key, page, page.bytes.length)
    return page
  }
}

/** Of as many rows as fit in, at least one. */
function indexOf(rows: readonly ReferrerRow[], { limit, indexBytes }: Fit): ReferrerIndex {
  // There is a comma less than descriptors.
  let bytes = HEAD.length + TAIL.length - 1
  const tooMany = rows.findIndex(({ descriptor }, n) => {
    bytes += Buffer.byteLength(descriptor) + 1
    return n === limit || (n > 0 && bytes > indexBytes)
  })
  const page = tooMany < 0 ? rows : rows.slice(0, tooMany)
  const index = { bytes: Buffer.from(`${HEAD}${page.map(({ descriptor }) => descriptor).join(',')}${TAIL}`) }
  return tooMany < 0 ? index : { ...index, next: page.at(-1)!.digest }
}
