/** Tags: which package each points at. A deleted manifest takes its tags with it; restoring it does not bring them back. */
import { text } from '../database/sql.ts'
import type { View } from './view.ts'

export const tagsView: View = {
  name: 'tags',
  version: 1,
  tables: [
    {
      name: 'tags',
      columns: [text('repository_id'), text('name'), text('package_id'), text('digest'), text('updated_at')],
      key: ['repository_id', 'name'],
      indexes: [{ columns: ['package_id', 'name'] }],
      clustered: true,
    },
  ],
  folds(table) {
    const tags = table('tags')
    return {
      on: {
        'v1.tag.set': (sql, { payload: p, subjectId, createdAt }) =>
          sql.run(
            `INSERT INTO ${tags} (repository_id, name, package_id, digest, updated_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (repository_id, name) DO UPDATE SET package_id = excluded.package_id, digest = excluded.digest,
               updated_at = excluded.updated_at`,
            [subjectId, p.tag, p.package_id, p.digest, createdAt],
          ),
        'v1.tag.deleted': (sql, event) =>
          sql.run(`DELETE FROM ${tags} WHERE repository_id = ? AND name = ?`, [event.subjectId, event.payload.tag]),
        'v1.manifest.deleted': (sql, event) => sql.run(`DELETE FROM ${tags} WHERE package_id = ?`, [event.subjectId]),
        'v1.package.erased': (sql, event) => sql.run(`DELETE FROM ${tags} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}
