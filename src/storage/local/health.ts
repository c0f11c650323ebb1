/** How the root is: still the folder that was opened, writable, and with how much room. */
import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import type { StoreHealth } from '../blob-store.ts'
import { errnoOf } from './fault.ts'
import type { Layout } from './layout.ts'

/** Device and inode: a volume that was unmounted leaves a folder of the same name that is another one. */
export async function identityOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true })
  return `${found.dev}:${found.ino}`
}

export async function healthOf(layout: Layout, identity: string): Promise<StoreHealth> {
  try {
    if ((await identityOf(layout.root)) !== identity) return { healthy: false, detail: 'root is another folder' }
    const { bavail, blocks, bsize } = await statfs(layout.root)
    const room = { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    const refusal = await refusalToWrite(layout)
    return refusal ? { healthy: false, detail: refusal, ...room } : { healthy: true, ...room }
  } catch (error) {
    return { healthy: false, detail: `root is gone (${errnoOf(error) ?? 'unknown'})` }
  }
}

async function refusalToWrite(layout: Layout): Promise<string | undefined> {
  try {
    await Promise.all([access(layout.tmp, constants.W_OK), access(layout.uploads, constants.W_OK)])
    return undefined
  } catch (error) {
    return `root takes no writes (${errnoOf(error) ?? 'unknown'})`
  }
}
