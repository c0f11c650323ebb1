import { mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFileRefStore } from '../../../src/registry/ref-store/index.ts'
import { describeRefStore } from '../../contract/ref-store.contract.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Every file below the folder, `@incoming` left out, with its inode: a rewrite makes another. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(files.map(async (path) => `${path} ${(await stat(path)).ino}`))
}

describeRefStore('file', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ref-store-'))
  const fileDir = join(root, 'made', 'on', 'open')
  let seen = new Set<string>()
  let changes = 0
  return {
    store: await openFileRefStore({ fileDir }),
    reopen: () => openFileRefStore({ fileDir }),
    async changes() {
      const now = new Set(await filesBelow(fileDir))
      changes += [...now].filter((file) => !seen.has(file)).length
      seen = now
      return changes
    },
    close: () => rm(root, { recursive: true, force: true }),
  }
})

describe('the folder of the file ref store', () => {
  let fileDir: string
  beforeEach(async () => {
    fileDir = await mkdtemp(join(tmpdir(), 'ref-store-'))
  })
  afterEach(() => rm(fileDir, { recursive: true, force: true }))

  it('is required', async () => {
    await expect(openFileRefStore({})).rejects.toMatchObject({ code: 'field-invalid', detail: { field: 'fileDir' } })
  })

  it('cannot be a file', async () => {
    await writeFile(join(fileDir, 'taken'), '')
    await expect(openFileRefStore({ fileDir: join(fileDir, 'taken') })).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('holds one file for each pair, and nothing else', async () => {
    const store = await openFileRefStore({ fileDir })
    await store.put('a', bytes('1'), bytes('m'))
    await store.put('a/b', bytes('2'), bytes('m'))
    await store.put('a', bytes('3'), bytes('m'))
    const files = (await filesBelow(fileDir)).map((file) => file.split(' ')[0]!.slice(fileDir.length))
    expect(files.sort()).toEqual(['/a/b@pair', '/a@pair'])
  })

  it('keeps nothing of a put that fails', async () => {
    const store = await openFileRefStore({ fileDir })
    await store.put('a', bytes('1'), bytes('m'))
    await rm(join(fileDir, '@incoming'), { recursive: true })
    await expect(store.put('a', bytes('2'), bytes('m2'))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await store.get('a')).toEqual({ data: bytes('1'), manifest: bytes('m') })
    expect(await filesBelow(fileDir)).toHaveLength(1)
  })

  it.each([
    ['a flipped byte of the data', (file: Buffer) => (file[file.length - 1]! ^= 1)],
    ['a flipped byte of the manifest', (file: Buffer) => (file[file.indexOf('\n') + 1]! ^= 1)],
    ['a flipped byte of the header', (file: Buffer) => (file[30]! ^= 1)],
  ])('reports %s as damage', async (_, damage) => {
    const store = await openFileRefStore({ fileDir })
    await store.put('a', bytes('data'), bytes('manifest'))
    const path = join(fileDir, 'a@pair')
    const file = await readFile(path)
    damage(file)
    await writeFile(path, file)
    await expect(store.get('a')).rejects.toMatchObject({ code: 'content-damaged' })
    await store.put('a', bytes('data'), bytes('manifest'))
    expect((await store.get('a')).data).toEqual(bytes('data'))
  })

  it.each([0, 10, -1])('reports a file cut at byte %i as damage', async (length) => {
    const store = await openFileRefStore({ fileDir })
    await store.put('a', bytes('data'), bytes('manifest'))
    const path = join(fileDir, 'a@pair')
    await writeFile(path, (await readFile(path)).subarray(0, length))
    await expect(store.get('a')).rejects.toMatchObject({ code: 'content-damaged' })
  })

  it('does not take the pair of another ref for its own', async () => {
    const store = await openFileRefStore({ fileDir })
    await store.put('a', bytes('data'), bytes('manifest'))
    await rename(join(fileDir, 'a@pair'), join(fileDir, 'b@pair'))
    await expect(store.get('b')).rejects.toMatchObject({ code: 'content-damaged' })
  })

  it('is swept of what a crash left half-written, but not of what is being written', async () => {
    await openFileRefStore({ fileDir })
    const old = join(fileDir, '@incoming', 'old')
    await writeFile(old, 'half')
    await utimes(old, new Date(0), new Date(0))
    await writeFile(join(fileDir, '@incoming', 'young'), 'half')
    await openFileRefStore({ fileDir })
    expect(await readdir(join(fileDir, '@incoming'))).toEqual(['young'])
  })
})
