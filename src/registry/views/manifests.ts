/** Manifests with their bytes, what they name, and who refers to whom. */
import { bytes, integer, optional, type Sql, text } from '../database/sql.ts'
import type { EventPayloads, RecordedEvent } from '../events/event.ts'
import type { ParsedManifest } from '../manifest/oci-manifest.ts'
import type { Descriptor } from '../registry.ts'
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
  version: 3,
  tables: [
    {
      name: 'referrers',
      columns: [
        text('repository_id'),
        text('subject_digest'),
        text('digest'),
        text('package_id'),
        optional(text('artifact_type')),
        // The JSON text of the OCI descriptor: a page is put together of a thousand of them.
        text('descriptor'),
        integer('live'),
        // Sequence of the event that did it last: the highest of a subject is the state that its list is in.
        integer('changed'),
      ],
      // Not clustered: SQLite would take the key for a list of one type too, and look at every referrer of the subject.
      key: ['repository_id', 'subject_digest', 'digest', 'package_id'],
      indexes: [
        { columns: ['repository_id', 'subject_digest', 'artifact_type', 'digest'] },
        { columns: ['repository_id', 'subject_digest', 'changed'] },
        { columns: ['package_id'] },
      ],
    },
  ],
  folds(table) {
    const referrers = table('referrers')
    const set = (sql: Sql, { subjectId, sequence }: RecordedEvent, live: 0 | 1) =>
      sql.run(`UPDATE ${referrers} SET live = ?, changed = ? WHERE package_id = ?`, [live, sequence, subjectId])
    return {
      on: {
        'v1.manifest.put': async (sql, { payload: p, subjectId, sequence }) => {
          const { parsed } = manifestFacts(p)
          if (!parsed.subject) return
          await sql.run(
            `INSERT INTO ${referrers} (repository_id, subject_digest, digest, package_id, artifact_type, descriptor, live, changed)
             VALUES (?, ?, ?, ?, ?, ?, 1, ?)`,
            [
              p.repository_id,
              parsed.subject.digest,
              p.digest,
              subjectId,
              parsed.referrerType ?? null,
              JSON.stringify(descriptorOf(p, parsed)),
              sequence,
            ],
          )
        },
        'v1.manifest.deleted': (sql, event) => set(sql, event, 0),
        'v1.manifest.restored': (sql, event) => set(sql, event, 1),
        'v1.package.erased': (sql, event) =>
          sql.run(`DELETE FROM ${referrers} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}

/** As lists of referrers show it. */
function descriptorOf(
  { media_type: mediaType, digest, bytes }: EventPayloads['v1.manifest.put'],
  { referrerType, annotations }: ParsedManifest,
): Descriptor {
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(referrerType ? { artifactType: referrerType } : {}),
    ...(annotations ? { annotations } : {}),
  }
}
