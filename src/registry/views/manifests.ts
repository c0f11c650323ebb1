/** Manifests with their bytes, what they name, and who refers to whom. */
import canonicalize from 'canonicalize'
import { bytes, integer, optional, text } from '../database/sql.ts'
import { manifestFacts } from './manifest-facts.ts'
import type { View } from './view.ts'

export const manifestsView: View = {
  name: 'manifests',
  version: 1,
  tables: [
    {
      name: 'manifests',
      columns: [
        text('package_id'),
        text('repository_id'),
        text('digest'),
        text('media_type'),
        integer('size'),
        bytes('bytes'),
        // live | deleted
        text('status'),
        integer('generation'),
        text('created_at'),
        optional(text('deleted_at')),
      ],
      key: ['package_id'],
      indexes: [
        { columns: ['repository_id', 'digest', 'generation'], unique: true },
        { columns: ['repository_id', 'status'] },
      ],
    },
    {
      name: 'manifest_edges',
      columns: [
        text('package_id'),
        integer('position'),
        text('repository_id'),
        // config | layer | manifest | subject
        text('kind'),
        text('digest'),
        text('media_type'),
        integer('size'),
      ],
      key: ['package_id', 'position'],
      indexes: [{ columns: ['repository_id', 'digest', 'package_id'] }],
      clustered: true,
    },
  ],
  folds(table) {
    const manifests = table('manifests')
    const edges = table('manifest_edges')
    return {
      on: {
        'v1.manifest.put': async (sql, { payload: p, subjectId, createdAt }) => {
          await sql.run(
            `INSERT INTO ${manifests} (package_id, repository_id, digest, media_type, size, bytes, status, generation, created_at, deleted_at)
             VALUES (?, ?, ?, ?, ?, ?, 'live', ?, ?, NULL)`,
            [subjectId, p.repository_id, p.digest, p.media_type, p.bytes.length, p.bytes, p.generation, createdAt],
          )
          for (const [position, edge] of manifestFacts(p).parsed.edges.entries()) {
            await sql.run(
              `INSERT INTO ${edges} (package_id, position, repository_id, kind, digest, media_type, size) VALUES (?, ?, ?, ?, ?, ?, ?)`,
              [subjectId, position, p.repository_id, edge.kind, edge.digest, edge.mediaType, edge.size],
            )
          }
        },
        'v1.manifest.deleted': (sql, event) =>
          sql.run(`UPDATE ${manifests} SET status = 'deleted', deleted_at = ? WHERE package_id = ?`, [
            event.createdAt,
            event.subjectId,
          ]),
        'v1.manifest.restored': (sql, event) =>
          sql.run(`UPDATE ${manifests} SET status = 'live', deleted_at = NULL WHERE package_id = ?`, [event.subjectId]),
        'v1.package.erased': async (sql, event) => {
          await sql.run(`DELETE FROM ${manifests} WHERE package_id = ?`, [event.subjectId])
          await sql.run(`DELETE FROM ${edges} WHERE package_id = ?`, [event.subjectId])
        },
      },
    }
  },
}

export const referrersView: View = {
  name: 'referrers',
  version: 2,
  tables: [
    {
      name: 'referrers',
      columns: [
        text('repository_id'),
        text('subject_digest'),
        text('digest'),
        text('package_id'),
        text('media_type'),
        optional(text('artifact_type')),
        integer('size'),
        optional(text('annotations')),
        integer('live'),
      ],
      // Not clustered: SQLite would take the key for a list of one type too, and look at every referrer of the subject.
      key: ['repository_id', 'subject_digest', 'digest', 'package_id'],
      indexes: [
        { columns: ['repository_id', 'subject_digest', 'artifact_type', 'digest'] },
        { columns: ['package_id'] },
      ],
    },
  ],
  folds(table) {
    const referrers = table('referrers')
    return {
      on: {
        'v1.manifest.put': async (sql, { payload: p, subjectId }) => {
          const { parsed } = manifestFacts(p)
          if (!parsed.subject) return
          await sql.run(
            `INSERT INTO ${referrers} (repository_id, subject_digest, digest, package_id, media_type, artifact_type, size, annotations, live)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)`,
            [
              p.repository_id,
              parsed.subject.digest,
              p.digest,
              subjectId,
              p.media_type,
              parsed.referrerType ?? null,
              p.bytes.length,
              parsed.annotations ? (canonicalize(parsed.annotations) ?? null) : null,
            ],
          )
        },
        'v1.manifest.deleted': (sql, event) =>
          sql.run(`UPDATE ${referrers} SET live = 0 WHERE package_id = ?`, [event.subjectId]),
        'v1.manifest.restored': (sql, event) =>
          sql.run(`UPDATE ${referrers} SET live = 1 WHERE package_id = ?`, [event.subjectId]),
        'v1.package.erased': (sql, event) =>
          sql.run(`DELETE FROM ${referrers} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}
