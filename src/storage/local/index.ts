/** A store in one folder of a local disk, or of a network file system that renames atomically. */
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { BlobStore, HealthProbe, Quarantine } from '../blob-store.ts'
import type { UploadStore } from '../upload-store.ts'
import { localBlobs } from './blob-store.ts'
import { errnoOf, onDisk, storageFault } from './fault.ts'
import { healthOf, identityOf } from './health.ts'
import { type Durability, type Place, placeAt } from './place.ts'
import { removeLeftovers } from './temporary-files.ts'
import { localUploads } from './upload-store.ts'

export type { Durability } from './place.ts'

export interface LocalStoreConfig {
  /** The folder; made when missing. */
  readonly root: string
  /** `relaxed` skips every fsync: a power loss may then take blobs that were answered for. */
  readonly durability: Durability
  /**
   * Told when a folder could not be flushed. This process refuses the folder from then on, and one that does not know of
   * it would believe its own next flush.
   */
  readonly onFolderFailure?: (error: unknown) => void
}

export interface LocalStore {
  readonly blobs: BlobStore & Quarantine & HealthProbe
  readonly uploads: UploadStore
}

/**
 * Opens the store and removes what killed writers left in it. A root that takes no writes is opened all the same, for
 * reading; one that is missing and cannot be made is a StorageError.
 */
export async function openLocalStore(config: LocalStoreConfig): Promise<LocalStore> {
  const place = placeAt(resolve(config.root), config.durability, config.onFolderFailure)
  const { layout } = place
  await onDisk('mkdir', () => mkdir(layout.root, { recursive: true }))
  const identity = await onDisk('stat', () => identityOf(layout.root))
  await makeFolders(place)
  await removeLeftovers(layout.tmp)
  const health = () => healthOf(layout, identity)
  return { blobs: { ...localBlobs(place), health }, uploads: localUploads(place) }
}

async function makeFolders(place: Place): Promise<void> {
  const { layout, folders } = place
  try {
    for (const folder of [layout.tmp, layout.uploads, layout.quarantine, layout.algorithm('blake3')]) {
      const settle = await folders.make([folder])
      await settle()
    }
  } catch (error) {
    if (storageFault('mkdir', error).code === 'read-only') return
    throw error
  }
  // The root's own entry; a parent that this user may not open is somebody else's to have made durable.
  await folders.sync(dirname(layout.root)).catch((error: unknown) => {
    if (errnoOf((error as Error).cause) !== 'EACCES') throw error
  })
}
