/**
 * The keys that sign access tokens: made when the database is, shared by all its servers, changed without logging anybody
 * out. The newest signs; a retired one verifies for as long as what it signed can live.
 */
import type { Core } from '../core.ts'
import type { SqlValue } from '../database/sql.ts'

export interface TokenKey {
  readonly id: string
  readonly secret: Uint8Array
}

export interface TokenKeys {
  /** The key to sign with. */
  newest(): Promise<TokenKey>
  /** Undefined for a key that is not ours, or retired for longer than anything it signed lives. */
  find(id: string): Promise<TokenKey | undefined>
  rotate(actor: string): Promise<{ readonly keyId: string; readonly retired: string }>
}

interface KeyRow {
  readonly key_id: string
  readonly secret: Uint8Array
  readonly retired_at: number | null
}

/** Another server may have made a new key: looked for this often. */
const FRESH_MS = 10_000

/** `lifetime`: milliseconds that the longest-lived token lives. */
export function createTokenKeys(core: Core, lifetime: number): TokenKeys {
  const { clock, database, recorder, ids } = core
  let rows: readonly KeyRow[] = []
  let readAt = Number.NEGATIVE_INFINITY
  const read = async (maxAge: number): Promise<readonly KeyRow[]> => {
    if (clock() - readAt < maxAge) return rows
    readAt = clock()
    rows = await database.reader.all<KeyRow>(
      'SELECT key_id, secret, retired_at FROM token_keys ORDER BY created_at DESC, key_id',
    )
    return rows
  }
  const lives = ({ retired_at }: KeyRow): boolean => retired_at === null || clock() - retired_at < lifetime
  const byId = (all: readonly KeyRow[], id: string) => all.find((row) => row.key_id === id && lives(row))
  return {
    async newest() {
      const newest = (await read(FRESH_MS)).find(({ retired_at }) => retired_at === null)
      return { id: newest!.key_id, secret: newest!.secret }
    },
    async find(id) {
      // Looked for at once: a client brings what another process signed a moment ago.
      const row = byId(await read(FRESH_MS), id) ?? byId(await read(0), id)
      return row && { id: row.key_id, secret: row.secret }
    },
    async rotate(actor) {
      const keyId = Buffer.from(ids.random(8)).toString('hex')
      const secret = ids.random(32)
      const retired = await recorder.record(actor, async (tx, now) => {
        const before = await tx.get<{ key_id: string }>('SELECT key_id FROM token_keys WHERE retired_at IS NULL')
        const params: SqlValue[] = [now]
        await tx.run('UPDATE token_keys SET retired_at = ? WHERE retired_at IS NULL', params)
        await tx.run('DELETE FROM token_keys WHERE retired_at < ?', [now - lifetime])
        await tx.run('INSERT INTO token_keys (key_id, secret, created_at) VALUES (?, ?, ?)', [keyId, secret, now])
        const payload = { retired: before!.key_id }
        return {
          events: [{ type: 'v1.token_key.rotated', subjectKind: 'token-key', subjectId: keyId, payload }],
          result: before!.key_id,
        }
      })
      readAt = Number.NEGATIVE_INFINITY
      return { keyId, retired }
    },
  }
}
