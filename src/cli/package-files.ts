/** The files of a package, all pages of them. */
import { type FileJson, type FilePageJson, paths } from '../native-api/wire.ts'
import { allPages } from './all-pages.ts'
import type { ApiClient } from './api-client.ts'

/** In path order. */
export function listFiles(api: ApiClient, packageId: string): Promise<readonly FileJson[]> {
  return allPages(api, { path: paths.packageFiles(packageId) }, ({ files }: FilePageJson) => files)
}
