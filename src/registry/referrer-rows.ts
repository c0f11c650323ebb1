/** Rows of the view of referrers: a page of them, and the state of a list, by which answers that were kept are told from outdated ones. */
import type { Digest } from '../storage/index.ts'
import type { Sql } from './database/sql.ts'

export interface ReferrerRow {
  readonly digest: Digest
  readonly package_id: string
  /** The JSON text of an OCI descriptor. */
  readonly descriptor: string
}

export interface ReferrerQuery {
  readonly repositoryId: string
  readonly subject: string
  /** Digest after which the page begins; '' for the first. */
  readonly after: string
  /** Empty: of every type. */
  readonly artifactTypes: readonly string[]
  readonly limit: number
}

const PAGE = `SELECT digest, package_id, descriptor FROM referrers
  WHERE repository_id = ? AND subject_digest = ? AND digest > ? AND live = 1`

/**
 * In digest order. A type at a time: with several in one statement no index has both the types and the order, and SQLite would
 * look at every referrer of the subject.
 */
export async function readReferrers(sql: Sql, query: ReferrerQuery): Promise<ReferrerRow[]> {
  const { repositoryId, subject, after, artifactTypes, limit } = query
  const params = [repositoryId, subject, after]
  if (artifactTypes.length === 0) return sql.all<ReferrerRow>(`${PAGE} ORDER BY digest LIMIT ?`, [...params, limit])
  const ofType = `${PAGE} AND artifact_type = ? ORDER BY digest LIMIT ?`
  const types = [...new Set(artifactTypes)]
  const found = await Promise.all(types.map((type) => sql.all<ReferrerRow>(ofType, [...params, type, limit])))
  return found
    .flat()
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    .slice(0, limit)
}

export interface ListState {
  readonly repositoryId: string
  /**
   * Names one content of the list for all time, for every process: it is another one after each change, and none comes
   * twice. Undefined: nothing has ever referred to the subject, so far as is known.
   */
  readonly version: string | undefined
}

// Five rows by their keys. `changed` tells every change but one: an erasure takes its row with it, and a rebuild from the log cannot
// know whose list that was in, since only what was erased said so. So an erasure anywhere counts. The generation is new after
// a replay, which may have mended rows; the epoch, where the log's end was lost and is written anew with the same sequences.
const STATE = `SELECT repository_id,
  (SELECT epoch FROM log_head WHERE id = 1) AS epoch,
  (SELECT generation FROM view_versions WHERE name = 'referrers') AS generation,
  (SELECT max(sequence) FROM events WHERE event_type = 'v1.package.erased') AS erased,
  (SELECT changed FROM referrers WHERE repository_id = r.repository_id AND subject_digest = ?
    ORDER BY changed DESC LIMIT 1) AS changed
  FROM repositories r WHERE name = ?`

interface StateRow {
  readonly repository_id: string
  readonly epoch: string
  readonly generation: string
  readonly erased: number | null
  readonly changed: number | null
}

/** Undefined: there is no such repository. */
export async function readListState(sql: Sql, repository: string, subject: string): Promise<ListState | undefined> {
  const row = await sql.get<StateRow>(STATE, [subject, repository])
  if (!row) return undefined
  const { repository_id: repositoryId, epoch, generation, erased, changed } = row
  const version = changed === null ? undefined : `${epoch} ${generation} ${erased ?? 0} ${changed}`
  return { repositoryId, version }
}
