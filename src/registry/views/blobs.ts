/** Blobs, their names under other algorithms, and where their bytes are. */
import { integer, optional, text } from '../database/sql.ts'
import type { View } from './view.ts'

export const blobsView: View = {
  name: 'blobs',
  version: 2,
  tables: [
    {
      name: 'blobs',
      columns: [text('blake3'), text('sha256'), optional(text('sha512')), integer('size'), text('created_at')],
      key: ['blake3'],
      clustered: true,
    },
    {
      // Every name of a blob, the canonical one included, so that one look-up serves all.
      name: 'blob_aliases',
      columns: [text('alias'), text('blake3')],
      key: ['alias'],
      clustered: true,
    },
  ],
  folds(table) {
    const blobs = table('blobs')
    const alias = `INSERT INTO ${table('blob_aliases')} (alias, blake3) VALUES (?, ?) ON CONFLICT (alias) DO NOTHING`
    return {
      on: {
        'v1.blob.stored': async (sql, { payload: p, createdAt }) => {
          await sql.run(
            `INSERT INTO ${blobs} (blake3, sha256, sha512, size, created_at) VALUES (?, ?, NULL, ?, ?) ON CONFLICT (blake3) DO NOTHING`,
            [p.blake3, p.sha256, p.size, createdAt],
          )
          await sql.run(alias, [p.blake3, p.blake3])
          await sql.run(alias, [p.sha256, p.blake3])
        },
        'v1.blob.alias_added': async (sql, { payload: p, subjectId }) => {
          await sql.run(alias, [p.alias, subjectId])
          await sql.run(`UPDATE ${blobs} SET sha512 = ? WHERE blake3 = ?`, [p.alias, subjectId])
        },
      },
    }
  },
}

export const storageLocationsView: View = {
  name: 'storage_locations',
  version: 2,
  tables: [
    {
      name: 'storage_locations',
      columns: [
        text('location_id'),
        text('blake3'),
        text('backend_id'),
        // stored | failed
        text('status'),
        text('retrieval_tier'),
        optional(text('restore_status')),
        integer('size'),
        text('created_at'),
        optional(text('verified_at')),
        optional(text('mismatch')),
      ],
      key: ['blake3', 'backend_id'],
      indexes: [{ columns: ['blake3'], where: "status = 'failed'" }],
      clustered: true,
    },
  ],
  folds(table) {
    const locations = table('storage_locations')
    return {
      on: {
        'v1.blob.stored': (sql, { payload: p, createdAt }) =>
          sql.run(
            `INSERT INTO ${locations} (location_id, blake3, backend_id, status, retrieval_tier, restore_status, size, created_at, verified_at, mismatch)
             VALUES (?, ?, ?, 'stored', 'hot', NULL, ?, ?, NULL, NULL)
             ON CONFLICT (blake3, backend_id) DO UPDATE SET status = 'stored', size = excluded.size, mismatch = NULL`,
            [p.location_id, p.blake3, p.backend_id, p.size, createdAt],
          ),
        'v1.storage.location_verified': (sql, { payload: p, createdAt }) =>
          sql.run(
            `UPDATE ${locations} SET status = ?, verified_at = ?, mismatch = ? WHERE blake3 = ? AND backend_id = ?`,
            [p.verified ? 'stored' : 'failed', createdAt, p.mismatch, p.blake3, p.backend_id],
          ),
      },
    }
  },
}
