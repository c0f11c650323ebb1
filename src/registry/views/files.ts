/** Files of packages: native ones as they are ingested, those of an OCI push from its manifest's layers. */
import { integer, optional, type SqlValue, text } from '../database/sql.ts'
import { pathKey, type RelativePath } from '../names.ts'
import { manifestFacts } from './manifest-facts.ts'
import type { View } from './view.ts'

export const filesView: View = {
  name: 'files',
  version: 2,
  tables: [
    {
      name: 'files',
      columns: [
        text('file_id'),
        text('package_id'),
        text('relative_path'),
        text('path_key'),
        text('media_type'),
        integer('size'),
        text('digest'),
        optional(integer('mode')),
        text('created_at'),
      ],
      key: ['file_id'],
      indexes: [
        // Equal paths under NFC would be one file on half of our users' disks (core-rules 22).
        { columns: ['package_id', 'path_key'], unique: true },
        { columns: ['digest'] },
      ],
      clustered: true,
    },
  ],
  folds(table) {
    const insert = `INSERT INTO ${table('files')} (file_id, package_id, relative_path, path_key, media_type, size, digest, mode, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
    return {
      on: {
        'v1.file.ingested': (sql, { payload: p, ...event }) =>
          sql.run(insert, [
            p.file_id,
            event.subjectId,
            p.relative_path,
            pathKey(p.relative_path as RelativePath),
            p.media_type,
            p.size,
            p.blake3,
            p.mode,
            event.createdAt,
          ]),
        'v1.manifest.put': async (sql, { payload: p, ...event }) => {
          if (p.native) return
          for (const file of manifestFacts(p).files) {
            const row: SqlValue[] = [
              fileIdOf(event.subjectId, file.position),
              event.subjectId,
              file.path,
              pathKey(file.path),
            ]
            await sql.run(insert, [...row, file.mediaType, file.size, file.digest, file.mode ?? null, event.createdAt])
          }
        },
        'v1.package.erased': (sql, event) =>
          sql.run(`DELETE FROM ${table('files')} WHERE package_id = ?`, [event.subjectId]),
      },
    }
  },
}

/** A layer has no event of its own, so its file id is its package's id and its place. */
export function fileIdOf(packageId: string, position: number): string {
  return `${packageId}.${position}`
}
