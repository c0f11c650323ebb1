/**
 * Bytes on their way into a backend: written while they are hashed, then either committed under their digest or
 * discarded. What a request brings in one go needs neither an id nor a row.
 */
import {
  algorithmOf,
  type Content,
  createMultiHash,
  type Digest,
  type Digests,
  hashContent,
  type MultiHash,
  type Received,
} from '../../storage/index.ts'
import { backendOf, type Core, storageRefusal } from '../core.ts'
import { received } from '../ingest.ts'

export interface Staged {
  readonly backendId: string
  readonly digests: Digests
  /** The bytes become a blob, durable when it returns. */
  commit(): Promise<void>
  /** Best effort; nothing is left of them for anybody to find. */
  discard(): Promise<void>
}

/** Stages a whole body. Throws `content-incomplete`, `size-mismatch`, `storage-full`, and leaves nothing behind then. */
export async function stage(
  core: Core,
  backendId: string,
  content: Content,
  options: { length?: number; wanted?: Digest } = {},
): Promise<Staged> {
  const { uploads } = backendOf(core, backendId)
  const hash = createMultiHash({ sha512: options.wanted !== undefined && algorithmOf(options.wanted) === 'sha512' })
  let bytes: Received | undefined
  try {
    bytes = await uploads.receive(hashContent(received(content, options.length), hash))
    const digests = await hash.finish()
    const held = bytes
    return {
      backendId,
      digests,
      commit: () => onStore(() => held.commit(digests.blake3, digests.size)),
      discard: () => held.discard(),
    }
  } catch (error) {
    hash.abandon()
    await bytes?.discard()
    throw storageRefusal(error)
  }
}

/** The bytes of an upload that is complete. */
export function stagedUpload(core: Core, place: UploadPlace, digests: Digests): Staged {
  const { uploads } = backendOf(core, place.backendId)
  return {
    backendId: place.backendId,
    digests,
    commit: () => onStore(() => uploads.commit(place.storeId, digests.blake3, digests.size)),
    discard: () => drop(core, place),
  }
}

async function onStore(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw storageRefusal(error)
  }
}

/** Where the bytes of an upload are. */
export interface UploadPlace {
  readonly storeId: string
  readonly backendId: string
}

/** Best effort: what cannot be dropped now is found by the sweep of expired uploads. */
export async function drop(core: Core, { storeId, backendId }: UploadPlace): Promise<void> {
  await backendOf(core, backendId)
    .uploads.discard(storeId)
    .catch(() => false)
}

/** Hashes what an upload holds so far, from the backend. */
export async function rehash(core: Core, { storeId, backendId }: UploadPlace, sha512: boolean): Promise<MultiHash> {
  const hash = createMultiHash({ sha512 })
  try {
    for await (const chunk of await backendOf(core, backendId).uploads.read(storeId)) await hash.update(chunk)
    return hash
  } catch (error) {
    hash.abandon()
    throw storageRefusal(error)
  }
}
