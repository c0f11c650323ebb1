/** Tokens that this server issued. A revoked one stays as a row: it is part of who could do what when. */
import { optional, text } from '../database/sql.ts'
import type { View } from './view.ts'

export const tokensView: View = {
  name: 'tokens',
  version: 1,
  tables: [
    {
      name: 'tokens',
      columns: [
        text('token_id'),
        // SHA-256 of the secret, in hex
        text('hash'),
        // Scopes, separated by spaces
        text('scopes'),
        text('note'),
        optional(text('expires_at')),
        text('created_at'),
        text('created_by'),
        optional(text('revoked_at')),
      ],
      key: ['token_id'],
      indexes: [{ columns: ['hash'], unique: true }, { columns: ['created_at', 'token_id'] }],
    },
  ],
  folds(table) {
    const tokens = table('tokens')
    return {
      on: {
        'v1.token.issued': (sql, { payload: p, subjectId, createdAt, actor }) =>
          sql.run(
            `INSERT INTO ${tokens} (token_id, hash, scopes, note, expires_at, created_at, created_by, revoked_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, NULL)`,
            [subjectId, p.hash, p.scopes.join(' '), p.note, p.expires_at, createdAt, actor],
          ),
        'v1.token.revoked': (sql, { subjectId, createdAt }) =>
          sql.run(`UPDATE ${tokens} SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL`, [
            createdAt,
            subjectId,
          ]),
      },
    }
  },
}
