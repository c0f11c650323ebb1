/** How long each package stays, and who forbids its deletion until further notice. */
import { integer, optional, text } from '../database/sql.ts'
import type { View } from './view.ts'

export const retentionStateView: View = {
  name: 'retention_state',
  version: 3,
  tables: [
    {
      name: 'retention_state',
      columns: [text('package_id'), text('retention_class'), optional(text('expires_at')), integer('eligible')],
      key: ['package_id'],
      // What is over already need not be looked at by each sweep again.
      indexes: [{ columns: ['expires_at', 'package_id'], where: 'eligible = 0' }],
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
        'v1.retention.extended': (sql, { payload: p, subjectId }) =>
          sql.run(`UPDATE ${state} SET expires_at = ?, eligible = 0 WHERE package_id = ?`, [p.expires_at, subjectId]),
        'v1.retention.class_raised': (sql, { payload: p, subjectId }) =>
          sql.run(`UPDATE ${state} SET retention_class = ?, expires_at = ?, eligible = 0 WHERE package_id = ?`, [
            p.retention_class,
            p.expires_at,
            subjectId,
          ]),
        'v1.retention.deletion_eligible': (sql, { subjectId }) =>
          sql.run(`UPDATE ${state} SET eligible = 1 WHERE package_id = ?`, [subjectId]),
        'v1.package.erased': (sql, event) => sql.run(`DELETE FROM ${state} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}

/** Every hold that there ever was; one without `released_at` stands. */
export const holdsView: View = {
  name: 'holds',
  version: 1,
  tables: [
    {
      name: 'holds',
      columns: [
        text('hold_id'),
        text('package_id'),
        text('reason'),
        optional(text('case_reference')),
        text('applied_at'),
        text('applied_by'),
        optional(text('released_at')),
        optional(text('released_by')),
        optional(text('release_reason')),
      ],
      key: ['hold_id'],
      indexes: [
        { columns: ['package_id', 'released_at'] },
        { columns: ['case_reference', 'applied_at', 'hold_id'] },
        { columns: ['applied_at', 'hold_id'] },
      ],
      clustered: true,
    },
  ],
  folds(table) {
    const holds = table('holds')
    return {
      on: {
        'v1.retention.hold_applied': (sql, { payload: p, ...event }) =>
          sql.run(
            `INSERT INTO ${holds} (hold_id, package_id, reason, case_reference, applied_at, applied_by, released_at, released_by, release_reason)
             VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL)`,
            [p.hold_id, event.subjectId, p.reason, p.case_reference, event.createdAt, event.actor],
          ),
        'v1.retention.hold_released': (sql, { payload: p, ...event }) =>
          sql.run(`UPDATE ${holds} SET released_at = ?, released_by = ?, release_reason = ? WHERE hold_id = ?`, [
            event.createdAt,
            event.actor,
            p.reason,
            p.hold_id,
          ]),
        'v1.package.erased': (sql, event) => sql.run(`DELETE FROM ${holds} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}
