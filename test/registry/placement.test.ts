/** Where bytes go is a pure function, and a blob is found where it went. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createPlacement } from '../../src/registry/placement.ts'
import { openLocalStore } from '../../src/storage/local/index.ts'
import { openMemoryStore } from '../../src/storage/memory/index.ts'
import { DATABASES } from '../support/databases.ts'
import {
  addFile,
  createDraft,
  finalizedPackage,
  openTestStore,
  pushBlob,
  readBlob,
  readFileBytes,
  sha256Of,
} from '../support/registry-steps.ts'

const ROUTES = [
  { producer: 'ops', retentionClass: '*', backend: 'cold' },
  { producer: '*', retentionClass: 'transient', backend: 'cold' },
]

describe('placement', () => {
  it('is the first route that matches, else the default', () => {
    const place = createPlacement(ROUTES, 'local')
    const at = (producer: string, retentionClass: string) => place({ repository: 'r', producer, retentionClass })
    expect([at('ops', 'x'), at('dev', 'transient'), at('dev', 'raw-evidence')]).toEqual(['cold', 'cold', 'local'])
  })

  it('puts bytes into the backend of their route, reads them there, and keeps both copies apart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'artifactstore-placement-'))
    const local = { id: 'local', ...(await openLocalStore({ root: join(folder, 'local'), durability: 'durable' })) }
    const cold = { id: 'cold', ...openMemoryStore() }
    const store = await openTestStore(DATABASES[0]!, { backends: [local, cold], routes: ROUTES })
    try {
      const bytes = Buffer.from('the same bytes')
      await pushBlob(store, 'dev/app', bytes)
      const facts = await pushBlob(store, 'ops/app', bytes)
      const done = await finalizedPackage(store, { a: bytes })
      const draft = await createDraft(store, { producer: 'dev', retentionClass: 'transient' })
      const file = await addFile(store, draft.id, 'b', Buffer.from('b'))
      const rows = await store.database.reader.all<{ backend_id: string }>(
        'SELECT backend_id FROM storage_locations WHERE blake3 = ? ORDER BY backend_id',
        [facts.blake3],
      )
      expect(rows.map((row) => row.backend_id)).toEqual(['cold', 'local'])
      expect(await cold.blobs.stat(file.blake3!)).toEqual({ size: 1 })
      expect(await local.blobs.stat(file.blake3!)).toBeUndefined()
      expect(await readFileBytes(store, file.id)).toEqual(Buffer.from('b'))
      await local.blobs.remove(facts.blake3)
      // One location is lost: the reader is told once, and then served from the other.
      for (let attempt = 0; attempt < 2; attempt += 1)
        await readBlob(store, 'ops/app', sha256Of(bytes)).catch(() => undefined)
      expect(await readBlob(store, 'ops/app', sha256Of(bytes))).toEqual(bytes)
      expect(done.status).toBe('finalized')
      expect((await store.registry.verifyViews()).differences).toEqual([])
    } finally {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
