import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileJson, FilePageJson, PackageJson, UploadJson } from '../../src/native-api/wire.ts'
import { addressOf, bytesOf } from '../support/bytes.ts'
import { type Door, eventually, hangUpAfter, OTHER_TOKEN, openDoor } from './native-fixture.ts'

let door: Door
let open: PackageJson
beforeAll(async () => {
  door = await openDoor()
  open = await door.newPackage()
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

function patch(id: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  return door.send('PATCH', `/uploads/${id}`, { body, headers })
}

function complete(relative_path: string, more: object = {}) {
  return { json: { package_id: open.id, relative_path, ...more } }
}

async function sizeOf(id: string): Promise<number> {
  return ((await door.send('GET', `/uploads/${id}`)).json as UploadJson).size
}

describe('bytes that do not fit', () => {
  it('where the upload ends are refused with where that is', async () => {
    const { id } = await door.newUpload()
    await patch(id, 'hello', { 'content-range': 'bytes 0-4/*' })
    for (const range of ['bytes 0-4/*', '9-13', 'bytes 4-8/20']) {
      const { status, headers, json } = await patch(id, 'again', { 'content-range': range })
      expect(status, range).toBe(416)
      expect(headers.get('range')).toBe('0-4')
      expect(json).toMatchObject({ type: 'urn:artifactstore:problem:upload-offset-mismatch', context: { size: 5 } })
    }
    // Without a place they are the first bytes, and those are here.
    expect((await patch(id, 'again')).status).toBe(416)
    expect(await sizeOf(id)).toBe(5)
  })

  it.each(['bytes 4-0/*', '0', 'lines 0-4/*', 'bytes 0-9/5', 'bytes -5/*'])(
    'the Content-Range %s are refused',
    async (range) => {
      const { id } = await door.newUpload()
      const { status, json } = await patch(id, 'hello', { 'content-range': range })
      expect(status).toBe(400)
      expect(json).toMatchObject({ type: 'urn:artifactstore:problem:field-invalid', field: 'Content-Range' })
      expect(await sizeOf(id)).toBe(0)
    },
  )

  it('the length that Content-Range announces are refused', async () => {
    const { id } = await door.newUpload()
    const problem = await door.refusal('PATCH', `/uploads/${id}`, {
      body: 'hello',
      headers: { 'content-range': '0-9' },
    })
    expect(problem).toMatchObject({ code: 'size-mismatch', status: 400, context: { announced: 10, length: 5 } })
    const body = ReadableStream.from([Buffer.from('hel'), Buffer.from('lo, you')]) as ReadableStream<Uint8Array>
    const streamed = await door.refusal('PATCH', `/uploads/${id}`, { body, headers: { 'content-range': '0-4' } })
    expect(streamed.code).toBe('size-mismatch')
  })

  it('into an upload because they are a form or compressed are refused', async () => {
    const { id } = await door.newUpload()
    const wrong: Record<string, string>[] = [
      { 'content-type': 'multipart/form-data; boundary=x' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-encoding': 'gzip' },
    ]
    for (const headers of wrong) expect((await patch(id, 'x', headers)).status).toBe(415)
    expect(await sizeOf(id)).toBe(0)
  })
})

describe('an upload', () => {
  it('is unknown to another identity, and under any other id', async () => {
    const { id } = await door.newUpload()
    for (const [path, token] of [
      [`/uploads/${id}`, OTHER_TOKEN],
      ['/uploads/nobody', undefined],
      [`/uploads/${id.slice(0, -2)}xx`, undefined],
    ] as const) {
      const options = token === undefined ? {} : { token }
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        expect(await door.refusal(method, path, options)).toMatchObject({ code: 'upload-unknown', status: 404 })
      }
      expect((await door.refusal('POST', `${path}/complete`, { ...options, ...complete('x') })).code).toBe(
        'upload-unknown',
      )
    }
  })

  it('of a sender that hangs up keeps what came, and goes on from there', async () => {
    const { id } = await door.newUpload()
    const bytes = bytesOf(300_000, 5)
    const head = [`PATCH /uploads/${id} HTTP/1.1`, `Content-Length: ${bytes.length}`, 'Content-Range: 0-299999']
    await hangUpAfter(door.port, head, bytes.subarray(0, 100_000))
    const kept = await eventually(
      () => sizeOf(id),
      (size) => size > 0,
    )
    expect(kept).toBeLessThanOrEqual(100_000)
    expect(kept).toBeGreaterThan(0)
    const rest = await patch(id, bytes.subarray(kept), { 'content-range': `bytes ${kept}-299999/*` })
    expect(rest.json).toMatchObject({ id, size: 300_000 })
    const { json } = await door.send(
      'POST',
      `/uploads/${id}/complete`,
      complete('resumed.bin', { digest: addressOf(bytes) }),
    )
    const file = json as FileJson
    expect(file).toMatchObject({ size: 300_000, digest: addressOf(bytes) })
    expect((await door.send('GET', `/files/${file.id}/download`)).bytes.equals(bytes)).toBe(true)
  })

  it('says what it has, in its body and its Range header', async () => {
    const upload = await door.newUpload()
    const empty = await door.send('GET', upload.location)
    expect(empty.json).toMatchObject({ id: upload.id, size: 0, location: `/uploads/${upload.id}` })
    expect(empty.headers.has('range')).toBe(false)
    expect((await patch(upload.id, 'hello')).headers.get('range')).toBe('0-4')
    expect((await door.send('GET', upload.location)).headers.get('range')).toBe('0-4')
  })

  it('that was given up is gone, and giving it up again is refused', async () => {
    const { id } = await door.newUpload()
    await patch(id, 'hello')
    expect((await door.send('DELETE', `/uploads/${id}`)).status).toBe(204)
    expect((await door.refusal('GET', `/uploads/${id}`)).code).toBe('upload-unknown')
    expect((await door.refusal('DELETE', `/uploads/${id}`)).code).toBe('upload-unknown')
  })
})

describe('completing', () => {
  it('with another digest or size is refused and adds nothing', async () => {
    const { id } = await door.newPackage()
    const wrong = [
      [{ digest: addressOf(Buffer.from('other')) }, 'digest-mismatch'],
      [{ digest: `sha512:${'0'.repeat(128)}` }, 'digest-mismatch'],
      [{ size: 6 }, 'size-mismatch'],
    ] as const
    for (const [more, code] of wrong) {
      const upload = await door.newUpload()
      await patch(upload.id, 'hello')
      const json = { package_id: id, relative_path: 'a.txt', ...more }
      expect(await door.refusal('POST', `/uploads/${upload.id}/complete`, { json })).toMatchObject({
        code,
        status: 400,
      })
    }
    expect(((await door.send('GET', `/packages/${id}/files`)).json as FilePageJson).files).toEqual([])
  })

  it.each([
    [{}, 'field-invalid', 'package_id'],
    [{ package_id: 'x' }, 'field-invalid', 'relative_path'],
    [{ package_id: 'x', relative_path: '' }, 'field-invalid', 'relative_path'],
    [{ package_id: 'x', relative_path: '../a' }, 'path-invalid', 'relative_path'],
    [{ package_id: 'x', relative_path: 'a', digest: 'sha256:zz' }, 'field-invalid', 'digest'],
    [{ package_id: 'x', relative_path: 'a', size: -1 }, 'field-invalid', 'size'],
    [{ package_id: 'x', relative_path: 'a', mode: '8' }, 'field-invalid', 'mode'],
    [{ package_id: 'x', relative_path: 'a', extra: 1 }, 'field-invalid', 'extra'],
  ])('with %j is refused as %s', async (json, code, field) => {
    const { id } = await door.newUpload()
    expect(await door.refusal('POST', `/uploads/${id}/complete`, { json })).toMatchObject({ code, field, status: 400 })
  })

  it('into a package that is finalized, unknown, or has the path is refused', async () => {
    const closed = await door.finalized({ 'a.txt': 'a' })
    await door.addFile(open.id, 'there.txt', 'there')
    const { id } = await door.newUpload()
    await patch(id, 'hello')
    for (const [json, code] of [
      [{ package_id: closed.id, relative_path: 'b.txt' }, 'package-finalized'],
      [{ package_id: 'nobody', relative_path: 'b.txt' }, 'package-unknown'],
      [{ package_id: open.id, relative_path: 'there.txt' }, 'path-taken'],
    ] as const) {
      expect((await door.refusal('POST', `/uploads/${id}/complete`, { json })).code).toBe(code)
    }
    // Nothing of it cost the upload its bytes.
    expect((await door.send('POST', `/uploads/${id}/complete`, complete('here.txt'))).status).toBe(201)
  })

  it('makes the file, with its mode and media type, and ends the upload', async () => {
    const { id } = await door.newUpload()
    await patch(id, 'hel', { 'content-range': '0-2' })
    await patch(id, 'lo', { 'content-range': 'bytes 3-4/5' })
    const wanted = { media_type: 'text/plain', mode: '0600', size: 5, digest: addressOf(Buffer.from('hello')) }
    const { status, json, headers } = await door.send('POST', `/uploads/${id}/complete`, complete('made.txt', wanted))
    expect(status).toBe(201)
    expect(json).toMatchObject({ ...wanted, relative_path: 'made.txt', package_id: open.id })
    expect(headers.get('location')).toBe(`/files/${(json as FileJson).id}`)
    expect((await door.refusal('GET', `/uploads/${id}`)).code).toBe('upload-unknown')
  })

  it('an upload without bytes makes an empty file', async () => {
    const { id } = await door.newUpload()
    const { json } = await door.send('POST', `/uploads/${id}/complete`, complete('empty.txt'))
    expect(json).toMatchObject({ size: 0 })
  })
})

describe('skipping an upload', () => {
  const bytes = bytesOf(1000, 11)
  const digest = addressOf(bytes)

  it('is not offered for bytes that the repository does not hold', async () => {
    const json = { digest, size: bytes.length, package_id: open.id, relative_path: 'unknown.bin' }
    const { status, json: upload } = await door.send('POST', '/uploads', { json })
    expect(status).toBe(202)
    expect(upload).toMatchObject({ size: 0 })
  })

  it('adds the file at once where the repository holds the bytes', async () => {
    const { id } = await door.newPackage({ name: 'skips' })
    await door.addFile(id, 'first.bin', bytes)
    const json = { digest, size: bytes.length, package_id: id, relative_path: 'second.bin', mode: '0755' }
    const { status, json: file, headers } = await door.send('POST', '/uploads', { json })
    expect(status).toBe(201)
    expect(file).toMatchObject({ relative_path: 'second.bin', digest, size: bytes.length, mode: '0755' })
    expect(headers.get('location')).toBe(`/files/${(file as FileJson).id}`)
    const taken = await door.refusal('POST', '/uploads', { json })
    expect(taken).toMatchObject({ code: 'path-taken', status: 409 })
  })

  it('without the size, the package or the path is an upload as always', async () => {
    for (const json of [{ digest }, { digest, size: 1000 }, { digest, package_id: open.id, relative_path: 'x' }]) {
      expect((await door.send('POST', '/uploads', { json })).status).toBe(202)
    }
  })

  it('refuses a path or a digest that could never be right', async () => {
    expect((await door.refusal('POST', '/uploads', { json: { relative_path: '/abs' } })).code).toBe('path-invalid')
    expect((await door.refusal('POST', '/uploads', { json: { digest: 'md5:00' } })).field).toBe('digest')
  })
})
