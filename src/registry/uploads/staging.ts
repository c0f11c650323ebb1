/**
 * Bytes on their way into a backend: written while they are hashed, then either committed under their digest or
 * dropped. What a request brings in one go is staged under an id of its own and needs no row.
 */
import {
  algorithmOf,
  type Content,
  createMultiHash,
  type Digest,
  type Digests,
  hashContent,
  type MultiHash,
} from '../../storage/index.ts'
import { backendOf, type Core, storageRefusal } from '../core.ts'
import { received } from '../ingest.ts'

export interface Staged {
  readonly storeId: string
  readonly backendId: string
  readonly digests: Digests
}

/** Stages a whole body. Throws `content-incomplete`, `size-mismatch`, `storage-full`, and leaves nothing behind then. */
export async function stage(
  core: Core,
  backendId: string,
  content: Content,
  options: { length?: number; wanted?: Digest } = {},
): Promise<Staged> {
  const { uploads } = backendOf(core, backendId)
  const storeId = core.ids.uuid()
  const hash = createMultiHash({ sha512: options.wanted !== undefined && algorithmOf(options.wanted) === 'sha512' })
  try {
    await uploads.create(storeId)
    await uploads.append(storeId, 0, hashContent(received(content, options.length), hash), { ends: true })
    return { storeId, backendId, digests: await hash.finish() }
  } catch (error) {
    hash.abandon()
    await drop(core, { storeId, backendId })
    throw storageRefusal(error)
  }
}

/** The bytes become a blob, durable when it returns. */
export async function commitStaged(core: Core, { storeId, backendId, digests }: Staged): Promise<void> {
  try {
    await backendOf(core, backendId).uploads.commit(storeId, digests.blake3, digests.size)
  } catch (error) {
    throw storageRefusal(error)
  }
}

/** Best effort: what cannot be dropped now is found by the sweep of expired uploads. */
export async function drop(core: Core, staged: { storeId: string; backendId: string }): Promise<void> {
  await backendOf(core, staged.backendId)
    .uploads.discard(staged.storeId)
    .catch(() => false)
}

/** Hashes what an upload holds so far, from the backend. */
export async function rehash(
  core: Core,
  staged: { storeId: string; backendId: string },
  sha512: boolean,
): Promise<MultiHash> {
  const hash = createMultiHash({ sha512 })
  try {
    for await (const chunk of await backendOf(core, staged.backendId).uploads.read(staged.storeId))
      await hash.update(chunk)
    return hash
  } catch (error) {
    hash.abandon()
    throw storageRefusal(error)
  }
}
