import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileJson } from '../../src/native-api/wire.ts'
import { RegistryError } from '../../src/registry/index.ts'
import { bytesOf } from '../support/bytes.ts'
import { type Door, openDoor, type RequestOptions } from './native-fixture.ts'

const BYTES = bytesOf(100_000, 7)

let door: Door
let file: FileJson
beforeAll(async () => {
  door = await openDoor()
  const { id } = await door.newPackage()
  file = await door.addFile(id, 'deep/ü "name".html', BYTES)
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

function download(headers: Record<string, string> = {}, method = 'GET', options: RequestOptions = {}) {
  return door.send(method, `/files/${file.id}/download`, { ...options, headers })
}

describe('a download that is refused', () => {
  it('is of a file that does not exist', async () => {
    expect(await door.refusal('GET', '/files/nobody/download')).toMatchObject({ code: 'file-unknown', status: 404 })
  })

  it.each(['bytes=100000-', 'bytes=200000-300000', 'bytes=-0'])(
    'asks for %s, of which there is nothing',
    async (range) => {
      const { status, headers, json } = await download({ range })
      expect(status).toBe(416)
      expect(headers.get('content-range')).toBe('bytes */100000')
      expect(json).toMatchObject({ field: 'Range', context: { size: 100_000 } })
    },
  )

  it('demands another version than is here', async () => {
    const problem = await door.refusal('GET', `/files/${file.id}/download`, {
      headers: { 'if-match': '"sha256:other"' },
    })
    expect(problem).toMatchObject({ code: 'precondition-failed', status: 412, field: 'If-Match' })
  })

  it('finds its bytes missing or damaged: a fault without a word of where they were', async () => {
    for (const code of ['content-missing', 'content-damaged', 'unavailable'] as const) {
      await using broken = await openDoor({
        wrap: (registry) => ({
          ...registry,
          files: {
            ...registry.files,
            get: async () => ({ ...(await registry.files.get(file.id).catch(() => fileOf())), id: file.id }),
            open: async () => {
              throw new RegistryError(code, 'ENOENT: /srv/secret/path', { path: '/srv/secret/path' })
            },
          },
        }),
      })
      const problem = await broken.refusal('GET', `/files/${file.id}/download`)
      expect(problem).toMatchObject({ code, status: code === 'unavailable' ? 503 : 500 })
      expect(JSON.stringify(problem)).not.toContain('secret')
      expect(problem.request_id).toMatch(/./)
    }
  })
})

function fileOf() {
  return {
    id: file.id,
    packageId: file.package_id,
    path: 'x' as never,
    mediaType: 'text/plain',
    size: 3,
    digest: file.digest as never,
    createdAt: file.created_at,
  }
}

describe('a download', () => {
  it('gives the bytes, their address as ETag, and nothing that a browser would run', async () => {
    const { status, headers, bytes } = await download()
    expect(status).toBe(200)
    expect(bytes.equals(BYTES)).toBe(true)
    expect(Object.fromEntries(headers)).toMatchObject({
      etag: `"${file.digest}"`,
      'content-length': '100000',
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
      'content-disposition': `attachment; filename="_ _name_.html"; filename*=UTF-8''%C3%BC%20%22name%22.html`,
    })
  })

  it('of a part gives exactly that part', async () => {
    for (const [range, first, last] of [
      ['bytes=0-0', 0, 0],
      ['bytes=99999-', 99_999, 99_999],
      ['bytes=10-19', 10, 19],
      ['bytes=-7', 99_993, 99_999],
      ['bytes=99990-200000', 99_990, 99_999],
    ] as const) {
      const { status, headers, bytes } = await download({ range })
      expect(status, range).toBe(206)
      expect(headers.get('content-range')).toBe(`bytes ${first}-${last}/100000`)
      expect(bytes.equals(BYTES.subarray(first, last + 1)), range).toBe(true)
    }
  })

  it.each(['bytes=0-1,5-9', 'lines=1-2', 'bytes=a-b', 'bytes=-'])(
    'with the range %s gives the whole',
    async (range) => {
      const { status, bytes } = await download({ range })
      expect([status, bytes.length]).toEqual([200, BYTES.length])
    },
  )

  it('with If-Range gives the part only of the version that it names', async () => {
    const etag = `"${file.digest}"`
    expect((await download({ range: 'bytes=0-9', 'if-range': etag })).status).toBe(206)
    expect((await download({ range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200)
    expect((await download({ range: 'bytes=0-9', 'if-range': `W/${etag}` })).status).toBe(200)
  })

  it('that the client has already is 304 without a body', async () => {
    const { status, bytes, headers } = await download({ 'if-none-match': `"x", "${file.digest}"`, range: 'bytes=0-9' })
    expect([status, bytes.length]).toEqual([304, 0])
    expect(headers.get('etag')).toBe(`"${file.digest}"`)
  })

  it('by HEAD tells the same without the bytes, and knows no ranges', async () => {
    const { status, headers, bytes } = await download({ range: 'bytes=0-9' }, 'HEAD')
    expect([status, headers.get('content-length'), bytes.length]).toEqual([200, '100000', 0])
  })

  it('by a client that leaves early does not hurt the next', async () => {
    const { id } = await door.newPackage()
    const large = await door.addFile(id, 'large.bin', bytesOf(8_000_000, 9))
    const abort = new AbortController()
    const answer = await fetch(`${door.url}/files/${large.id}/download`, {
      headers: { authorization: 'Bearer test-token' },
      signal: abort.signal,
    })
    await answer.body?.getReader().read()
    abort.abort()
    expect((await door.send('GET', `/files/${large.id}/download`)).bytes.length).toBe(8_000_000)
  })
})
