/** Repositories, and which blobs each of them holds. */
import { integer, text } from '../database/sql.ts'
import type { View } from './view.ts'

export const repositoriesView: View = {
  name: 'repositories',
  version: 1,
  tables: [
    {
      name: 'repositories',
      columns: [text('repository_id'), text('name'), text('producer'), text('package_name'), text('created_at')],
      key: ['repository_id'],
      indexes: [{ columns: ['name'], unique: true }],
    },
  ],
  folds(table) {
    return {
      on: {
        'v1.repository.created': (sql, { payload: p, subjectId, createdAt }) =>
          sql.run(
            `INSERT INTO ${table('repositories')} (repository_id, name, producer, package_name, created_at) VALUES (?, ?, ?, ?, ?)`,
            [subjectId, p.name, p.producer, p.package_name, createdAt],
          ),
      },
    }
  },
}

export const repositoryBlobsView: View = {
  name: 'repository_blobs',
  version: 1,
  tables: [
    {
      // A link that was removed stays as a row: "deleted here" and "never had" are different answers (core-rules 13).
      name: 'repository_blobs',
      columns: [text('repository_id'), text('blake3'), integer('linked'), text('changed_at')],
      key: ['repository_id', 'blake3'],
      indexes: [{ columns: ['blake3', 'linked', 'repository_id'] }],
      clustered: true,
    },
  ],
  folds(table) {
    const put = `INSERT INTO ${table('repository_blobs')} (repository_id, blake3, linked, changed_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (repository_id, blake3) DO UPDATE SET linked = excluded.linked, changed_at = excluded.changed_at`
    return {
      on: {
        'v1.blob.linked': (sql, event) => sql.run(put, [event.subjectId, event.payload.blake3, 1, event.createdAt]),
        'v1.blob.unlinked': (sql, event) => sql.run(put, [event.subjectId, event.payload.blake3, 0, event.createdAt]),
      },
    }
  },
}
