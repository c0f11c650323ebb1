/** Files of packages, read. */
import { blobUnknown, findBlob, openBlob } from './blob-access.ts'
import type { Core } from './core.ts'
import { decodeCursor, encodeCursor } from './cursors.ts'
import { requireLimit } from './package-list.ts'
import { readFile, readFiles, readPackageRow, repositoryOfPackage } from './package-rows.ts'
import type { Files } from './registry.ts'

export function createFiles(core: Core): Files {
  const { reader } = core.database
  return {
    get: (id) => readFile(reader, id),
    async repositoryOf(id) {
      const row = await reader.get<{ package_id: string }>('SELECT package_id FROM files WHERE file_id = ?', [id])
      return row && repositoryOfPackage(reader, row.package_id)
    },
    async list(packageId, { limit, cursor }) {
      requireLimit(limit)
      await readPackageRow(reader, packageId)
      const after = cursor === undefined ? '' : decodeCursor(cursor, 1)[0]!
      const rows = await readFiles(reader, packageId, after, limit + 1)
      const items = rows.slice(0, limit).map(({ file }) => file)
      return rows.length > limit ? { items, next: encodeCursor(rows[limit - 1]!.key) } : { items }
    },
    async open(id, range) {
      const file = await readFile(reader, id)
      const { repository_id } = await readPackageRow(reader, file.packageId)
      const row = repository_id ? await findBlob(reader, repository_id, file.digest) : undefined
      if (!row) throw blobUnknown(file.digest)
      return openBlob(core, row, { digest: file.digest, mediaType: file.mediaType }, range)
    },
  }
}
