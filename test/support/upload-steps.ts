/** Uploads of one repository, and what they leave in the store and the database. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { UploadKey } from '../../src/registry/index.ts'
import { bytesOf } from './bytes.ts'
import { ACTOR, repo, type TestStore } from './registry-steps.ts'

export const REPOSITORY = repo('team/app')
export const BYTES = bytesOf(200_000, 7)

export async function beginUpload(store: TestStore, algorithm?: 'sha512'): Promise<UploadKey> {
  const { id } = await store.registry.uploads.begin({ repository: REPOSITORY, actor: ACTOR, algorithm })
  return { id, repository: REPOSITORY, actor: ACTOR }
}

export async function stagedFiles(store: TestStore): Promise<string[]> {
  return readdir(join(store.folder, 'storage', 'uploads'))
}

export async function uploadRows(store: TestStore): Promise<number> {
  return (await store.database.reader.all('SELECT upload_id FROM uploads')).length
}
