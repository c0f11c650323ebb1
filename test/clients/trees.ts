/** Folders for pushes, and their comparison byte for byte. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bytesOf } from '../support/bytes.ts'

const MIB = 1024 * 1024

/** Names and sizes that break naive clients: spaces, Unicode in both normal forms, empty files, deep paths. */
export async function makeTree(root: string, options: { bigMebibytes?: number } = {}): Promise<void> {
  const files: Record<string, Buffer> = {
    'plain.txt': Buffer.from('plain\n'),
    'with space.txt': Buffer.from('a name with a space'),
    'ünïcode/日本語.txt': Buffer.from('text'),
    'nfd/cafe\u0301.txt': Buffer.from('decomposed'),
    'empty.bin': Buffer.alloc(0),
    'also-empty.bin': Buffer.alloc(0),
    [`${'deep/'.repeat(20)}leaf.bin`]: bytesOf(1234, 5),
    'middle.bin': bytesOf(3 * MIB + 17, 6),
    'quote\'s & "things" #1?.txt': Buffer.from('%2F'),
  }
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), bytes)
  }
  if (options.bigMebibytes) await writeBig(join(root, 'big.bin'), options.bigMebibytes)
}

async function writeBig(path: string, mebibytes: number): Promise<void> {
  const file = await open(path, 'w')
  const block = bytesOf(MIB, 7)
  for (let n = 0; n < mebibytes; n += 1) {
    // Each block differs, so that a block in the wrong place is found.
    block.writeUInt32LE(n, 0)
    await file.write(block)
  }
  await file.close()
}

/** SHA-256 of every file by its path. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path, { highWaterMark: MIB })) hash.update(chunk as Buffer)
    tree[path.slice(root.length + 1)] = hash.digest('hex')
  }
  return tree
}
