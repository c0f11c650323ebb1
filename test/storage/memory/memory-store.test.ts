import { openMemoryStore } from '../../../src/storage/memory/index.ts'
import { describeBlobStore } from '../../contract/blob-store.contract.ts'
import { describeUploadStore } from '../../contract/upload-store.contract.ts'

const nothing = { leftovers: async () => [], close: async () => {} }

describeBlobStore('memory', async () => ({ store: openMemoryStore().blobs, ...nothing }))
describeUploadStore('memory', async () => ({ ...openMemoryStore(), ...nothing }))
