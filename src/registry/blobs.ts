/** Blobs of a repository: look, read, mount, unlink. */
import type { ByteRange, Digest } from '../storage/index.ts'
import { blobUnknown, findBlob, findBlobByName, isIntact } from './blob-access.ts'
import type { Core } from './core.ts'
import { linkEvents } from './ingest.ts'
import { createKeptBlobs } from './kept-blobs.ts'
import type { RepositoryName } from './names.ts'
import type { Blobs } from './registry.ts'
import { ensureRepository, findRepository, getRepository } from './repositories.ts'
import { refuseRetainedBlob } from './retention/retained.ts'

export function createBlobs(core: Core): Blobs {
  const { reader } = core.database
  const openKept = createKeptBlobs(core)
  return {
    async stat(repository, digest) {
      const row = await findBlobByName(reader, repository, digest)
      if (!row || !(await isIntact(core, row))) throw blobUnknown(digest)
      return { digest, size: row.size }
    },
    async size(repository, digest) {
      const row = await findBlobByName(reader, repository, digest)
      if (!row) throw blobUnknown(digest)
      return row.size
    },
    async open(repository: RepositoryName, digest: Digest, range?: ByteRange) {
      const row = await findBlobByName(reader, repository, digest)
      if (!row) throw blobUnknown(digest)
      return openKept(row, { digest, mediaType: 'application/octet-stream' }, range)
    },
    async mount({ repository, digest, from, mayRead, actor }) {
      const source = from ? await readableSource(from, mayRead) : undefined
      if (from && !source) return false
      const row = source ? await findBlob(reader, source, digest) : await anySource(core, digest, mayRead)
      if (!row || !(await isIntact(core, row))) return false
      return core.recorder.record(actor, async (tx) => {
        const { id, events } = await ensureRepository(tx, core, repository)
        return { events: [...events, ...(await linkEvents(tx, id, row.blake3))], result: true }
      })
    },
    async remove(repository, digest, { actor }) {
      const { repository_id: repositoryId } = await getRepository(reader, repository)
      await core.recorder.record(actor, async (tx) => {
        const row = await findBlob(tx, repositoryId, digest)
        if (!row) throw blobUnknown(digest)
        await refuseRetainedBlob(tx, repositoryId, row.blake3)
        const payload = { blake3: row.blake3 }
        return {
          events: [{ type: 'v1.blob.unlinked', subjectKind: 'repository', subjectId: repositoryId, payload }],
          result: undefined,
        }
      })
    },
  }

  async function readableSource(
    from: RepositoryName,
    mayRead: (repository: RepositoryName) => boolean,
  ): Promise<string | undefined> {
    if (!mayRead(from)) return undefined
    return (await findRepository(reader, from))?.repository_id
  }
}

/** How many repositories an automatic mount looks at before it gives up and asks for the bytes. */
const SOURCES_TRIED = 100

async function anySource(core: Core, digest: Digest, mayRead: (repository: RepositoryName) => boolean) {
  const { reader } = core.database
  const holders = await reader.all<{ repository_id: string; name: string }>(
    `SELECT r.repository_id, r.name FROM blob_aliases a
       JOIN repository_blobs rb ON rb.blake3 = a.blake3 AND rb.linked = 1
       JOIN repositories r ON r.repository_id = rb.repository_id
     WHERE a.alias = ? LIMIT ?`,
    [digest, SOURCES_TRIED],
  )
  const holder = holders.find((row) => mayRead(row.name as RepositoryName))
  return holder && findBlob(reader, holder.repository_id, digest)
}
