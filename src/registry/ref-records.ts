/** What the ref store needs of this registry: pairs of blobs that become visible by one event. */
import { type Digests, digestBytes, digestWith } from '../storage/index.ts'
import { openBlob } from './blob-access.ts'
import { backendOf, type Core, storageRefusal } from './core.ts'
import { blobEvents } from './ingest.ts'
import type { RefBlob, RefRecords } from './ref-store/index.ts'

interface RefRow {
  readonly ref_id: string
  readonly data: RefBlob['digest']
  readonly data_size: number
  readonly manifest: RefBlob['digest']
  readonly manifest_size: number
}

const ACTOR = 'local'

export function createRefRecords(core: Core): RefRecords {
  const { reader } = core.database
  const backendId = core.defaultBackend
  const findRow = 'SELECT ref_id, data, data_size, manifest, manifest_size FROM refs WHERE ref = ?'
  return {
    async find(ref) {
      const row = await reader.get<RefRow>(findRow, [ref])
      if (!row) return undefined
      return {
        data: { digest: row.data, size: row.data_size },
        manifest: { digest: row.manifest, size: row.manifest_size },
      }
    },
    async put(ref, { data, manifest }) {
      await core.recorder.record(ACTOR, async (tx) => {
        const row = await tx.get<RefRow>(findRow, [ref])
        if (row?.data === data.digest && row.manifest === manifest.digest) return { events: [], result: undefined }
        const payload = {
          ref,
          data: data.digest,
          data_size: data.size,
          manifest: manifest.digest,
          manifest_size: manifest.size,
          salt: core.ids.random(16),
        }
        const subjectId = row?.ref_id ?? core.ids.uuid()
        return { events: [{ type: 'v1.ref.put', subjectKind: 'ref', subjectId, payload }], result: undefined }
      })
    },
    async storeBlob(bytes) {
      const own = Buffer.from(bytes)
      const digests: Digests = digestBytes(own)
      try {
        await backendOf(core, backendId).blobs.put(
          digests.blake3,
          digests.size,
          (async function* () {
            yield own
          })(),
        )
      } catch (error) {
        throw storageRefusal(error)
      }
      await core.recorder.record(ACTOR, async (tx) => ({
        events: await blobEvents(tx, core, { digests, backendId }),
        result: undefined,
      }))
      return { digest: digests.blake3, size: digests.size }
    },
    async readBlob({ digest, size }) {
      const location = await reader.get<{ backend_id: string; status: 'stored' | 'failed' }>(
        'SELECT backend_id, status FROM storage_locations WHERE blake3 = ? ORDER BY status DESC, backend_id LIMIT 1',
        [digest],
      )
      const row = {
        blake3: digest,
        size,
        backend_id: location?.backend_id ?? backendId,
        status: location?.status ?? 'stored',
      }
      const { content } = await openBlob(core, row, { digest, mediaType: 'application/octet-stream' })
      const chunks: Uint8Array[] = []
      for await (const chunk of content) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      // openBlob has verified small blobs already; large ones are verified here, since all of them is in memory anyway.
      if (digestWith('blake3', bytes) !== digest) throw new Error(`the bytes of ${digest} changed while they were read`)
      return bytes
    },
  }
}
