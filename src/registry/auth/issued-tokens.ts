/**
 * Tokens that the server issues: made with a scope, kept as the hash of their secret, facts of the log. What is asked
 * for on every request is remembered for a second, so that a revocation is seen within that on every server.
 */
import { createHash } from 'node:crypto'
import type { Core } from '../core.ts'
import { decodeCursor, encodeCursor } from '../cursors.ts'
import type { Sql } from '../database/sql.ts'
import { RegistryError } from '../errors.ts'
import { identityNames } from '../identities.ts'
import { requireLimit } from '../package-list.ts'
import type { Page, PageRequest } from '../registry.ts'
import type { IssuedToken, NewToken } from './contract.ts'
import type { Identity } from './identity.ts'
import { mayGrant, type Policy } from './policy.ts'
import { parseTokenScope, showTokenScope, type TokenScope } from './scope.ts'

/** So that scanners of leaked secrets know it. */
const PREFIX = 'ast_'
const SECRET_BYTES = 32
const SECRET = /^ast_[\w-]{43}$/
const FRESH_MS = 1_000
const KEPT = 1_000
/** Last use is written at most this often for each token. */
const USE_MS = 60_000
const SCOPES_LIMIT = 50
const NOTE_LIMIT = 255

interface TokenRow {
  readonly token_id: string
  readonly scopes: string
  readonly note: string
  readonly expires_at: string | null
  readonly created_at: string
  readonly created_by: string
  readonly revoked_at: string | null
  readonly last_used_at?: number | null
}

interface Known {
  readonly row: TokenRow
  readonly identity: Identity
  readonly at: number
}

const COLUMNS = 't.token_id, t.scopes, t.note, t.expires_at, t.created_at, t.created_by, t.revoked_at'

export class IssuedTokens {
  readonly #core: Core
  readonly #policy: Policy
  /** By secret and by id; neither can be the other. */
  readonly #known = new Map<string, Known>()
  readonly #usedAt = new Map<string, number>()

  constructor(core: Core, policy: Policy) {
    this.#core = core
    this.#policy = policy
  }

  /** Throws `field-invalid`, and `denied` where the creator may not hand these rights on. The secret is shown this once. */
  async create(request: NewToken, creator: Identity): Promise<{ token: IssuedToken; secret: string }> {
    const scopes = scopesOf(request.scopes)
    for (const scope of scopes) if (!mayGrant(this.#policy, creator, scope)) throw mayNotGrant(creator, scope)
    requireNote(request.note)
    const { clock, ids, recorder } = this.#core
    const expiresAt = request.expiresInSeconds === undefined ? null : clock() + request.expiresInSeconds * 1_000
    const secret = `${PREFIX}${Buffer.from(ids.random(SECRET_BYTES)).toString('base64url')}`
    const id = ids.uuid()
    const payload = {
      hash: hashOf(secret),
      scopes: scopes.map(showTokenScope),
      note: request.note,
      expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      salt: ids.random(16),
    }
    await recorder.record(creator.name, async () => ({
      events: [{ type: 'v1.token.issued', subjectKind: 'token', subjectId: id, payload }],
      result: undefined,
    }))
    return { token: await this.get(id), secret }
  }

  /** Throws `token-unknown`. */
  async get(id: string): Promise<IssuedToken> {
    const [found] = await this.#shown([await this.#row(this.#core.database.reader, id)])
    return found!
  }

  /** Newest first, revoked ones included. Throws `cursor-unknown`. */
  async list({ limit, cursor }: PageRequest): Promise<Page<IssuedToken>> {
    requireLimit(limit)
    const [createdAt, id] = cursor === undefined ? ['\uffff', ''] : (decodeCursor(cursor, 2) as [string, string])
    const rows = await this.#core.database.reader.all<TokenRow>(
      `SELECT ${COLUMNS}, u.last_used_at FROM tokens t LEFT JOIN token_use u ON u.token_id = t.token_id
       WHERE (t.created_at, t.token_id) < (?, ?) ORDER BY t.created_at DESC, t.token_id DESC LIMIT ?`,
      [createdAt, id, limit + 1],
    )
    const items = await this.#shown(rows.slice(0, limit))
    const last = rows[limit - 1]
    return rows.length > limit && last ? { items, next: encodeCursor(last.created_at, last.token_id) } : { items }
  }

  /** Repeating it changes nothing. Throws `token-unknown`, and `denied` for one who could not have issued it. */
  async revoke(id: string, revoker: Identity, reason: string | undefined): Promise<IssuedToken> {
    const { ids, recorder } = this.#core
    await recorder.record(revoker.name, async (tx) => {
      const row = await this.#row(tx, id)
      const isOwn = revoker.tokenId === id
      for (const scope of isOwn ? [] : scopesOf(row.scopes.split(' '))) {
        if (!mayGrant(this.#policy, revoker, scope)) throw mayNotGrant(revoker, scope)
      }
      if (row.revoked_at !== null) return { events: [], result: undefined }
      const payload = { reason: reason ?? null, salt: ids.random(16) }
      return {
        events: [{ type: 'v1.token.revoked', subjectKind: 'token', subjectId: id, payload }],
        result: undefined,
      }
    })
    this.#known.clear()
    return this.get(id)
  }

  /** By secret or id, what was looked up within the last second; undefined for all others, and for what is not good. */
  known(key: string): Identity | undefined {
    const known = this.#known.get(key)
    const now = this.#core.clock()
    return known && now - known.at < FRESH_MS ? this.#good(known, now) : undefined
  }

  /** Whose secret this is; undefined for an unknown, revoked or expired one. */
  async identify(secret: string): Promise<Identity | undefined> {
    if (!SECRET.test(secret)) return undefined
    return this.known(secret) ?? this.#find(secret, { column: 't.hash', value: hashOf(secret) })
  }

  /** The identity of the token of this id while it is good. */
  async named(id: string): Promise<Identity | undefined> {
    return this.known(id) ?? this.#find(id, { column: 't.token_id', value: id })
  }

  async #find(
    key: string,
    { column, value }: { column: 't.hash' | 't.token_id'; value: string },
  ): Promise<Identity | undefined> {
    const now = this.#core.clock()
    this.#known.delete(key)
    const row = await this.#core.database.reader.get<TokenRow>(`SELECT ${COLUMNS} FROM tokens t WHERE ${column} = ?`, [
      value,
    ])
    if (!row) return undefined
    const known = { row, identity: identityOf(row), at: now }
    this.#known.set(key, known)
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value!)
    return this.#good(known, now)
  }

  #good({ row, identity }: Known, now: number): Identity | undefined {
    if (row.revoked_at !== null || (identity.expiresAt !== undefined && identity.expiresAt <= now)) return undefined
    this.#noteUse(row.token_id, now)
    return identity
  }

  /** Beside the request: it neither waits for this nor fails with it. What could not be written is tried with the next use. */
  #noteUse(id: string, now: number): void {
    if (now - (this.#usedAt.get(id) ?? Number.NEGATIVE_INFINITY) < USE_MS) return
    this.#usedAt.delete(id)
    this.#usedAt.set(id, now)
    if (this.#usedAt.size > KEPT) this.#usedAt.delete(this.#usedAt.keys().next().value!)
    this.#core.recorder
      .write(async (tx) =>
        tx.run(
          `INSERT INTO token_use (token_id, last_used_at) VALUES (?, ?)
           ON CONFLICT (token_id) DO UPDATE SET last_used_at = excluded.last_used_at`,
          [id, now],
        ),
      )
      .catch(() => this.#usedAt.delete(id))
  }

  async #row(sql: Sql, id: string): Promise<TokenRow> {
    const row = await sql.get<TokenRow>(
      `SELECT ${COLUMNS}, u.last_used_at FROM tokens t LEFT JOIN token_use u ON u.token_id = t.token_id WHERE t.token_id = ?`,
      [id],
    )
    if (row) return row
    throw new RegistryError('token-unknown', `There is no token '${id.slice(0, 64)}': list shows the ids of all`, {
      field: 'token_id',
    })
  }

  async #shown(rows: readonly TokenRow[]): Promise<IssuedToken[]> {
    const nameOf = await identityNames(
      this.#core.database.reader,
      rows.map((row) => row.created_by),
    )
    return rows.map((row) => ({
      id: row.token_id,
      scopes: row.scopes.split(' '),
      note: row.note,
      expiresAt: row.expires_at,
      createdAt: row.created_at,
      createdBy: nameOf(row.created_by),
      revokedAt: row.revoked_at,
      lastUsedAt: row.last_used_at ? new Date(row.last_used_at).toISOString() : null,
    }))
  }
}

function identityOf(row: TokenRow): Identity {
  return {
    name: `token:${row.token_id}`,
    kind: 'issued',
    tokenId: row.token_id,
    scopes: scopesOf(row.scopes.split(' ')),
    ...(row.expires_at === null ? {} : { expiresAt: Date.parse(row.expires_at) }),
  }
}

function scopesOf(texts: readonly string[]): TokenScope[] {
  if (texts.length === 0 || texts.length > SCOPES_LIMIT) {
    throw new RegistryError('field-invalid', `A token has 1 to ${SCOPES_LIMIT} scopes`, { field: 'scopes' })
  }
  return texts.map((text) => {
    const scope = parseTokenScope(text)
    if (!('problem' in scope)) return scope
    throw new RegistryError('field-invalid', `'${text.slice(0, 120)}' ${scope.problem}`, { field: 'scopes' })
  })
}

function requireNote(note: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (note.trim() !== '' && note.length <= NOTE_LIMIT && !/[\u0000-\u001f\u007f-\u009f]/.test(note)) return
  const rule = `say what the token is for in 1 to ${NOTE_LIMIT} characters`
  throw new RegistryError('field-invalid', `The note cannot be used: ${rule}`, { field: 'note' })
}

function mayNotGrant({ name }: Identity, scope: TokenScope): RegistryError {
  return new RegistryError(
    'denied',
    `'${name}' cannot give or take the scope '${showTokenScope(scope)}': that takes 'admin' there, and every right in it`,
    { field: 'scopes', scope: showTokenScope(scope) },
  )
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
