/** What every backend of the ref store does, whatever it stands on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isRegistryError } from '../../src/registry/errors.ts'
import { isRefNotFound, type RefPair, type RefStore } from '../../src/registry/ref-store/index.ts'

export interface RefStoreUnderTest {
  readonly store: RefStore
  /** Another view of the same refs, as a second process would have it. */
  reopen(): Promise<RefStore>
  /** How often something became visible: events, renames. */
  changes(): Promise<number>
  close(): Promise<void>
}

const bytes = (text: string) => new TextEncoder().encode(text)

/** A backend may answer with a Buffer, which is a Uint8Array too. */
async function read(store: RefStore, ref: string): Promise<RefPair> {
  const { data, manifest } = await store.get(ref)
  return { data: new Uint8Array(data), manifest: new Uint8Array(manifest) }
}

export function describeRefStore(name: string, open: () => Promise<RefStoreUnderTest>, over = 'a folder'): void {
  describe(`the ref store '${name}' over ${over}`, () => {
    let subject: RefStoreUnderTest
    let store: RefStore
    beforeEach(async () => {
      subject = await open()
      store = subject.store
    })
    afterEach(() => subject.close())

    it('answers ref-unknown for what was never put, and exists says no', async () => {
      const error = await store.get('stacks/t_123/web/42').catch((thrown: unknown) => thrown)
      expect(isRefNotFound(error)).toBe(true)
      expect(isRegistryError(error, 'ref-unknown')).toBe(true)
      expect(await store.exists('stacks/t_123/web/42')).toBe(false)
    })

    it('refuses what is no ref, by every call, and keeps nothing', async () => {
      const before = await subject.changes()
      const empty = ['', '/', '/a', 'a/', 'a//b']
      const hostile = ['.', '..', 'a/./b', '../a', 'a\0b', 'a\nb', 'a\ud800', 'x'.repeat(1025)]
      for (const ref of [...empty, ...hostile]) {
        for (const call of [store.put(ref, bytes('d'), bytes('m')), store.get(ref), store.exists(ref)]) {
          await expect(call, JSON.stringify(ref)).rejects.toMatchObject({ code: 'ref-invalid' })
        }
      }
      expect(await subject.changes()).toBe(before)
    })

    it('gives back data and manifest as they were put, also to another opener', async () => {
      await store.put('stacks/web/42', bytes('data'), bytes('{}'))
      const expected = { data: bytes('data'), manifest: bytes('{}') }
      expect(await read(store, 'stacks/web/42')).toEqual(expected)
      const again = await subject.reopen()
      expect(await read(again, 'stacks/web/42')).toEqual(expected)
      expect(await again.exists('stacks/web/42')).toBe(true)
      expect(store.name).toBe(name)
    })

    it('keeps empty data, an empty manifest and every byte value', async () => {
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      await store.put('empty', new Uint8Array(), new Uint8Array())
      await store.put('all', all, all.toReversed())
      expect(await read(store, 'empty')).toEqual({ data: new Uint8Array(), manifest: new Uint8Array() })
      expect(await read(store, 'all')).toEqual({ data: all, manifest: all.toReversed() })
    })

    it('keeps a pair of some megabytes', async () => {
      const large = new Uint8Array(3 * 1024 * 1024).fill(7)
      await store.put('large', large, bytes('m'))
      const pair = await store.get('large')
      expect(Buffer.compare(pair.data, large)).toBe(0)
      expect(new Uint8Array(pair.manifest)).toEqual(bytes('m'))
    })

    it('changes nothing when the same pair is put again', async () => {
      await store.put('a', bytes('d'), bytes('m'))
      const before = await subject.changes()
      await store.put('a', bytes('d'), bytes('m'))
      expect(await subject.changes()).toBe(before)
      expect(await read(store, 'a')).toEqual({ data: bytes('d'), manifest: bytes('m') })
    })

    it('replaces both halves by other bytes, also when only one half differs', async () => {
      await store.put('a', bytes('d1'), bytes('m1'))
      await store.put('a', bytes('d1'), bytes('m2'))
      expect(await read(store, 'a')).toEqual({ data: bytes('d1'), manifest: bytes('m2') })
      await store.put('a', bytes('d2'), bytes('m2'))
      expect(await read(store, 'a')).toEqual({ data: bytes('d2'), manifest: bytes('m2') })
      await store.put('a', bytes('m2'), bytes('d2'))
      expect(await read(store, 'a')).toEqual({ data: bytes('m2'), manifest: bytes('d2') })
    })

    it('keeps apart refs that sloppy encodings would mix up', async () => {
      const refs = [
        'a',
        'a/b',
        'a/b/c',
        'A',
        'a:b',
        'a_b',
        'a b',
        'a%3ab',
        'a.manifest.json',
        'a@pair',
        'a@pair/b',
        '@incoming/a',
        '.a',
        '..a',
        'a.',
        'a\\b',
        'é',
        'e\u0301',
        'con',
        `${'x'.repeat(255)}`,
        `${'x'.repeat(256)}`,
        `${'x'.repeat(200)}/${'x'.repeat(56)}`,
        `${'X'.repeat(400)}`,
        `${'ü'.repeat(500)}`,
        '%2e%2e/a',
        'a*?"<>|b',
      ]
      for (const ref of refs) await store.put(ref, bytes(`data of ${ref}`), bytes(`manifest of ${ref}`))
      for (const ref of refs) {
        expect(await read(store, ref)).toEqual({ data: bytes(`data of ${ref}`), manifest: bytes(`manifest of ${ref}`) })
      }
    })

    it('does not let a ref exist because others lie below it', async () => {
      await store.put('a/b', bytes('d'), bytes('m'))
      expect(await store.exists('a')).toBe(false)
      await expect(store.get('a')).rejects.toMatchObject({ code: 'ref-unknown' })
      await expect(store.get('a/b/c')).rejects.toMatchObject({ code: 'ref-unknown' })
    })

    it('never shows halves of two puts, with writers and readers at once', async () => {
      const pair = (n: number) => [bytes(`${n}:${'d'.repeat(n * 50)}`), bytes(`${n}:${'m'.repeat(n)}`)] as const
      await store.put('hot', ...pair(0))
      const other = await subject.reopen()
      const seen: string[] = []
      const writers = Array.from({ length: 24 }, (_, n) => (n % 2 ? store : other).put('hot', ...pair(n)))
      const readers = Array.from({ length: 48 }, async (_, n) => {
        const { data, manifest } = await (n % 2 ? store : other).get('hot')
        seen.push(`${Buffer.from(data).toString().split(':')[0]} ${Buffer.from(manifest).toString().split(':')[0]}`)
      })
      await Promise.all([...writers, ...readers])
      expect(seen).toHaveLength(48)
      expect(seen.filter((both) => both.split(' ')[0] !== both.split(' ')[1])).toEqual([])
    })

    it('takes the bytes as they are when put is called', async () => {
      const data = bytes('before')
      const done = store.put('a', data, bytes('m'))
      data.fill(0)
      await done
      expect((await read(store, 'a')).data).toEqual(bytes('before'))
    })
  })
}
