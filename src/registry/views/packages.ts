/** Packages of both doors, and the metadata keys by which they are found. */
import canonicalize from 'canonicalize'
import { integer, optional, type Sql, type SqlValue, text } from '../database/sql.ts'
import { searchKeys } from '../metadata/metadata.ts'
import type { Metadata } from '../registry.ts'
import { manifestFacts } from './manifest-facts.ts'
import type { View } from './view.ts'

export const packagesView: View = {
  name: 'packages',
  version: 1,
  tables: [
    {
      name: 'packages',
      columns: [
        text('package_id'),
        text('origin'),
        text('status'),
        text('name'),
        text('producer'),
        text('subject'),
        text('retention_class'),
        text('metadata'),
        optional(text('repository_id')),
        optional(text('manifest_digest')),
        optional(text('oci_digest')),
        optional(text('oci_media_type')),
        optional(integer('oci_size')),
        integer('file_count'),
        integer('total_size'),
        text('created_at'),
        text('created_by'),
        optional(text('finalized_at')),
        integer('last_event_sequence'),
      ],
      key: ['package_id'],
      indexes: [
        { columns: ['created_at', 'package_id'] },
        { columns: ['producer', 'created_at', 'package_id'] },
        { columns: ['subject', 'created_at', 'package_id'] },
        { columns: ['name', 'created_at', 'package_id'] },
        { columns: ['repository_id', 'created_at', 'package_id'] },
        { columns: ['retention_class', 'created_at', 'package_id'] },
        { columns: ['status', 'created_at', 'package_id'] },
      ],
    },
    {
      name: 'package_metadata',
      columns: [text('package_id'), text('key'), text('value')],
      key: ['package_id', 'key'],
      indexes: [{ columns: ['key', 'value', 'package_id'] }],
      clustered: true,
    },
  ],
  folds(table) {
    const packages = table('packages')
    const insert = `INSERT INTO ${packages} (package_id, origin, status, name, producer, subject, retention_class, metadata,
      repository_id, manifest_digest, oci_digest, oci_media_type, oci_size, file_count, total_size, created_at, created_by,
      finalized_at, last_event_sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    const setStatus = async (
      sql: Sql,
      status: string,
      event: { sequence: number; subjectId: string },
    ): Promise<void> => {
      await sql.run(
        `UPDATE ${packages} SET status = ?, last_event_sequence = ? WHERE package_id = ? AND status <> 'erased'`,
        [status, event.sequence, event.subjectId],
      )
    }
    const putMetadata = async (sql: Sql, id: string, metadata: Metadata): Promise<void> => {
      for (const [key, value] of searchKeys(metadata)) {
        await sql.run(`INSERT INTO ${table('package_metadata')} (package_id, key, value) VALUES (?, ?, ?)`, [
          id,
          key,
          value,
        ])
      }
    }
    const touch = `UPDATE ${packages} SET last_event_sequence = ? WHERE package_id = ? AND status <> 'erased'`
    // An erased package keeps its id, kind and times, whether it was erased live or is folded from erased events.
    const stub =
      (origin: string) =>
      (sql: Sql, event: { sequence: number; subjectId: string; createdAt: string; actor: string }) =>
        sql.run(`${insert} ON CONFLICT (package_id) DO NOTHING`, [
          event.subjectId,
          origin,
          'erased',
          '',
          '',
          '',
          '',
          '{}',
          null,
          null,
          null,
          null,
          null,
          0,
          0,
          event.createdAt,
          event.actor,
          null,
          event.sequence,
        ])
    return {
      on: {
        'v1.package.created': async (sql, { payload: p, ...event }) => {
          await sql.run(insert, [
            event.subjectId,
            'native',
            'created',
            p.name,
            p.producer,
            p.subject,
            p.retention_class,
            canonicalize(p.metadata) ?? '{}',
            p.repository_id,
            null,
            null,
            null,
            null,
            0,
            0,
            event.createdAt,
            event.actor,
            null,
            event.sequence,
          ])
          await putMetadata(sql, event.subjectId, p.metadata as Metadata)
        },
        'v1.retention.default_applied': (sql, event) => sql.run(touch, [event.sequence, event.subjectId]),
        'v1.file.ingested': (sql, event) =>
          sql.run(
            `UPDATE ${packages} SET file_count = file_count + 1, total_size = total_size + ?, last_event_sequence = ?
             WHERE package_id = ? AND status <> 'erased'`,
            [event.payload.size, event.sequence, event.subjectId],
          ),
        'v1.package.finalized': (sql, event) =>
          sql.run(
            `UPDATE ${packages} SET status = 'finalized', finalized_at = ?, manifest_digest = ?, last_event_sequence = ?
             WHERE package_id = ? AND status <> 'erased'`,
            [
              event.createdAt,
              `blake3:${Buffer.from(event.payloadDigest).toString('hex')}`,
              event.sequence,
              event.subjectId,
            ],
          ),
        'v1.manifest.put': async (sql, { payload: p, ...event }) => {
          const face: SqlValue[] = [p.digest, p.media_type, p.bytes.length]
          if (p.native) {
            await sql.run(
              `UPDATE ${packages} SET oci_digest = ?, oci_media_type = ?, oci_size = ?, last_event_sequence = ?
               WHERE package_id = ? AND status <> 'erased'`,
              [...face, event.sequence, event.subjectId],
            )
            return
          }
          const facts = manifestFacts(p)
          const size = facts.files.reduce((sum, file) => sum + file.size, 0)
          await sql.run(insert, [
            event.subjectId,
            'oci',
            'finalized',
            facts.package.name,
            facts.package.producer,
            facts.package.subject,
            p.retention_class,
            canonicalize(facts.package.metadata) ?? '{}',
            p.repository_id,
            p.digest,
            ...face,
            facts.files.length,
            size,
            event.createdAt,
            event.actor,
            event.createdAt,
            event.sequence,
          ])
          await putMetadata(sql, event.subjectId, facts.package.metadata)
        },
        'v1.manifest.deleted': (sql, event) => setStatus(sql, 'deleted', event),
        'v1.manifest.restored': (sql, event) => setStatus(sql, 'finalized', event),
        'v1.package.erased': async (sql, event) => {
          await sql.run(
            `UPDATE ${packages} SET status = 'erased', name = '', producer = '', subject = '', retention_class = '',
               metadata = '{}', repository_id = NULL, manifest_digest = NULL, oci_digest = NULL, oci_media_type = NULL,
               oci_size = NULL, file_count = 0, total_size = 0, finalized_at = NULL, last_event_sequence = ?
             WHERE package_id = ?`,
            [event.sequence, event.subjectId],
          )
          await sql.run(`DELETE FROM ${table('package_metadata')} WHERE package_id = ?`, [event.subjectId])
        },
      },
      erased: {
        'v1.package.created': stub('native'),
        // The face of a native package finds the stub that the package's own creation left.
        'v1.manifest.put': stub('oci'),
      },
    }
  },
}
