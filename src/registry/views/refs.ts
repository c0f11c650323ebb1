/** The ref store's pairs: which data and which manifest blob each ref names. */
import { integer, text } from '../database/sql.ts'
import type { View } from './view.ts'

export const refsView: View = {
  name: 'refs',
  version: 1,
  tables: [
    {
      name: 'refs',
      columns: [
        text('ref'),
        text('ref_id'),
        text('data'),
        integer('data_size'),
        text('manifest'),
        integer('manifest_size'),
        text('updated_at'),
      ],
      key: ['ref'],
    },
  ],
  folds(table) {
    return {
      on: {
        'v1.ref.put': (sql, { payload: p, subjectId, createdAt }) =>
          sql.run(
            `INSERT INTO ${table('refs')} (ref, ref_id, data, data_size, manifest, manifest_size, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (ref) DO UPDATE SET data = excluded.data, data_size = excluded.data_size,
               manifest = excluded.manifest, manifest_size = excluded.manifest_size, updated_at = excluded.updated_at`,
            [p.ref, subjectId, p.data, p.data_size, p.manifest, p.manifest_size, createdAt],
          ),
      },
    }
  },
}
