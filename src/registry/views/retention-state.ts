/** How long each package stays. The rest of the lifecycle (extensions, holds, eligibility) folds into the same rows. */
import { integer, optional, text } from '../database/sql.ts'
import type { View } from './view.ts'

export const retentionStateView: View = {
  name: 'retention_state',
  version: 2,
  tables: [
    {
      name: 'retention_state',
      columns: [text('package_id'), text('retention_class'), optional(text('expires_at')), integer('eligible')],
      key: ['package_id'],
      indexes: [{ columns: ['expires_at', 'package_id'] }],
      clustered: true,
    },
  ],
  folds(table) {
    const state = table('retention_state')
    return {
      on: {
        'v1.retention.default_applied': (sql, { payload: p, subjectId }) =>
          sql.run(`INSERT INTO ${state} (package_id, retention_class, expires_at, eligible) VALUES (?, ?, ?, 0)`, [
            subjectId,
            p.retention_class,
            p.expires_at,
          ]),
        'v1.package.erased': (sql, event) => sql.run(`DELETE FROM ${state} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}
