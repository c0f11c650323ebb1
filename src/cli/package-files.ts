/** The files of a package, all pages of them. */
import { type FileJson, type FilePageJson, LIMITS, paths } from '../native-api/wire.ts'
import type { ApiClient } from './api-client.ts'

/** In path order. */
export async function listFiles(api: ApiClient, packageId: string): Promise<readonly FileJson[]> {
  const files: FileJson[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(LIMITS.pageMaximum) })
    if (cursor !== null) query.set('cursor', cursor)
    const page: FilePageJson = await api.json<FilePageJson>({ path: paths.packageFiles(packageId), query })
    files.push(...page.files)
    cursor = page.next_cursor
  } while (cursor !== null)
  return files
}
