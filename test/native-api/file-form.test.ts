import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileJson, FilePageJson, PackageJson } from '../../src/native-api/wire.ts'
import { addressOf, bytesOf } from '../support/bytes.ts'
import { type Door, eventually, formOf, hangUpAfter, openDoor, rawForm } from './native-fixture.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

async function filesOf(packageId: string): Promise<readonly FileJson[]> {
  return ((await door.send('GET', `/packages/${packageId}/files`)).json as FilePageJson).files
}

async function refusedForm(body: FormData | { headers: Record<string, string>; body: string }, packageId?: string) {
  const id = packageId ?? (await door.newPackage()).id
  const before = await filesOf(id)
  const options = body instanceof FormData ? { body } : body
  const problem = await door.refusal('POST', `/packages/${id}/files`, options)
  expect(await filesOf(id)).toEqual(before)
  return problem
}

const FILE = { disposition: 'name="file"; filename="a.txt"', content: 'hello' }

describe('a path that cannot stand in a package', () => {
  it.each([
    ['leads out of it', '../secret', /'\.\.'/],
    ['leads out of it later', 'a/../../b', /'\.\.'/],
    ['is absolute', '/etc/passwd', /absolute/],
    ['has a drive', 'C:/windows', /absolute/],
    ['is only a dot', '.', /'\.'/],
    ['has an empty segment', 'a//b', /empty segment/],
    ['ends in a slash', 'a/', /empty segment/],
    ['separates with backslashes', 'a\\b', /\\/],
    ['holds a NUL', 'a\u0000b', /control/],
    ['holds an escape sequence', 'a\u001b[31mb', /control/],
    ['is longer than 1,024 bytes', `${'d/'.repeat(510)}${'é'.repeat(3)}`, /1024/],
    ['has a segment no disk takes', 'x'.repeat(256), /255/],
  ])('because it %s is refused', async (_name, path, detail) => {
    const problem = await refusedForm(formOf({ relative_path: path }, 'x'))
    expect(problem).toMatchObject({ code: 'path-invalid', status: 400, field: 'relative_path' })
    expect(problem.detail).toMatch(detail)
    // A refusal must not carry what could forge a log line.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for them is the point
    expect(problem.detail).not.toMatch(/[\u0000-\u001f]/)
  })

  it('is refused also when it comes as the filename', async () => {
    expect((await refusedForm(formOf({}, 'x', '../x'))).code).toBe('path-invalid')
  })

  it('is refused when the package has it, in this or the other Unicode form', async () => {
    const { id } = await door.newPackage()
    await door.addFile(id, 'Å/é.txt'.normalize('NFC'), 'one')
    for (const form of ['NFC', 'NFD']) {
      const problem = await refusedForm(formOf({ relative_path: 'Å/é.txt'.normalize(form) }, 'two'), id)
      expect(problem).toMatchObject({ code: 'path-taken', status: 409 })
    }
  })
})

describe('a form that is refused', () => {
  it('has a field after the file, and the file is not added', async () => {
    const problem = await refusedForm(rawForm([FILE, { disposition: 'name="mode"', content: '0644' }]))
    expect(problem).toMatchObject({ code: 'form-invalid', status: 400, field: 'mode' })
    expect(problem.detail).toMatch(/fields first/)
  })

  it('has a second file, and the first is not added', async () => {
    const second = { disposition: 'name="file"; filename="b.txt"', content: 'again' }
    expect((await refusedForm(rawForm([FILE, second]))).detail).toMatch(/second file/)
  })

  it('lacks its closing boundary', async () => {
    expect((await refusedForm(rawForm([FILE], { end: '' }))).code).toBe('content-incomplete')
    expect((await refusedForm(rawForm([FILE], { end: '\r\n--bound' }))).code).toBe('content-incomplete')
  })

  it.each([
    ['a late field', '\r\nContent-Disposition: form-data; name="mode"\r\n\r\n0644\r\n--bound--\r\n', 'form-invalid'],
    [
      'a second file',
      '\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\nb\r\n--bound--\r\n',
      'form-invalid',
    ],
    ['garbage', '\r\nno header', 'form-invalid'],
    ['nothing', '', 'content-incomplete'],
  ])('goes on with %s long after the whole file came, and the file is not added', async (_name, rest, code) => {
    const { id } = await door.newPackage()
    const { headers, body: whole } = rawForm([FILE], { end: '\r\n--bound' })
    async function* slowly() {
      yield Buffer.from(whole)
      await new Promise((resolve) => setTimeout(resolve, 100))
      yield Buffer.from(rest)
    }
    const body = ReadableStream.from(slowly()) as ReadableStream<Uint8Array>
    expect((await door.refusal('POST', `/packages/${id}/files`, { headers, body })).code).toBe(code)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await filesOf(id)).toEqual([])
  })

  it('has no file', async () => {
    const problem = await refusedForm(rawForm([{ disposition: 'name="relative_path"', content: 'a.txt' }]))
    expect(problem).toMatchObject({ code: 'form-invalid', field: 'file' })
  })

  it('has a file without a filename', async () => {
    expect((await refusedForm(rawForm([{ disposition: 'name="file"; filename=""', content: 'x' }]))).code).toBe(
      'form-invalid',
    )
  })

  it('has its file under another name', async () => {
    const problem = await refusedForm(rawForm([{ disposition: 'name="data"; filename="a.txt"', content: 'x' }]))
    expect(problem.detail).toMatch(/named 'data'/)
  })

  it('has a field nobody knows, a field twice, or a path cut into brackets', async () => {
    const path = { disposition: 'name="relative_path"', content: 'a' }
    expect(await refusedForm(rawForm([{ disposition: 'name="colour"', content: 'red' }, FILE]))).toMatchObject({
      field: 'colour',
      context: { known: ['relative_path', 'media_type', 'mode'] },
    })
    expect((await refusedForm(rawForm([path, path, FILE]))).field).toBe('relative_path')
    const bracket = { disposition: 'name="relative_path[a]"', content: 'a' }
    expect((await refusedForm(rawForm([bracket, FILE]))).field).toBe('relative_path')
  })

  it('has a field longer than any path', async () => {
    const long = { disposition: 'name="relative_path"', content: 'x'.repeat(9000) }
    expect(await refusedForm(rawForm([long, FILE]))).toMatchObject({ code: 'form-invalid', field: 'relative_path' })
  })

  it('has a mode or a media type that is none', async () => {
    expect((await refusedForm(formOf({ relative_path: 'a', mode: 'rwx' }, 'x'))).field).toBe('mode')
    expect((await refusedForm(formOf({ relative_path: 'a', mode: '99' }, 'x'))).field).toBe('mode')
    const problem = await refusedForm(formOf({ relative_path: 'a', media_type: 'text\r\nX-Evil: 1' }, 'x'))
    expect(problem.field).toBe('media_type')
  })

  it('is no form: JSON, bare bytes, or a form without a boundary', async () => {
    const { id } = await door.newPackage()
    for (const type of ['application/json', 'application/octet-stream']) {
      const headers = { 'content-type': type }
      const problem = await door.refusal('POST', `/packages/${id}/files`, { body: '{}', headers })
      expect(problem).toMatchObject({ code: 'media-type-unsupported', status: 415 })
    }
    const headers = { 'content-type': 'multipart/form-data' }
    expect((await door.refusal('POST', `/packages/${id}/files`, { body: 'x', headers })).code).toBe('form-invalid')
    const other = { 'content-type': 'multipart/form-data; boundary=other' }
    const { body } = rawForm([FILE])
    expect((await door.refusal('POST', `/packages/${id}/files`, { body, headers: other })).code).toBe(
      'content-incomplete',
    )
  })

  it('is for a package that is finalized or was never opened', async () => {
    const { id } = await door.finalized({ 'a.txt': 'a' })
    expect(await refusedForm(formOf({ relative_path: 'b.txt' }, 'b'), id)).toMatchObject({
      code: 'package-finalized',
      status: 409,
    })
    const body = formOf({ relative_path: 'b.txt' }, 'b')
    expect((await door.refusal('POST', '/packages/nobody/files', { body })).code).toBe('package-unknown')
  })

  it('is answered early when the path is taken, although megabytes are still to come', async () => {
    const { id } = await door.newPackage()
    await door.addFile(id, 'big.bin', 'first')
    const problem = await refusedForm(formOf({ relative_path: 'big.bin' }, bytesOf(3_000_000)), id)
    expect(problem.code).toBe('path-taken')
  })
})

describe('a sender that hangs up half-way', () => {
  it('leaves no file behind, and the path free', async () => {
    const { id } = await door.newPackage()
    const body = rawForm([{ disposition: 'name="file"; filename="half.bin"', content: 'x'.repeat(100_000) }], {
      end: '',
    }).body
    const head = [
      `POST /packages/${id}/files HTTP/1.1`,
      'Content-Type: multipart/form-data; boundary=bound',
      'Content-Length: 500000',
    ]
    await hangUpAfter(door.port, head, body)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await filesOf(id)).toEqual([])
    expect((await door.addFile(id, 'half.bin', 'whole')).size).toBe(5)
  })

  it('does not spoil the next request', async () => {
    const { id } = await door.newPackage()
    const found = await eventually(
      () => door.send('GET', `/packages/${id}`),
      ({ status }) => status === 200,
    )
    expect((found.json as PackageJson).file_count).toBe(0)
  })
})

describe('adding a file', () => {
  it('keeps its bytes, path, media type and mode, and says where it is', async () => {
    const { id } = await door.newPackage()
    const bytes = bytesOf(200_000, 3)
    const fields = { relative_path: 'deep/er/name with spaces & ünïcode.bin', media_type: 'image/png', mode: '0750' }
    const { status, json, headers } = await door.send('POST', `/packages/${id}/files`, { body: formOf(fields, bytes) })
    const file = json as FileJson
    expect(status).toBe(201)
    expect(headers.get('location')).toBe(`/files/${file.id}`)
    expect(file).toMatchObject({ ...fields, package_id: id, size: bytes.length, digest: addressOf(bytes) })
    expect(file.blake3).toBe(file.digest)
    expect(file.sha256).toMatch(/^sha256:/)
    expect((await door.send('GET', `/files/${file.id}`)).json).toEqual(file)
    expect((await door.send('GET', `/packages/${id}`)).json).toMatchObject({ file_count: 1, total_size: bytes.length })
  })

  it('takes the filename, with its folders and in its own Unicode form, where no path is given', async () => {
    const { id } = await door.newPackage()
    const name = `folder/${'é'.normalize('NFD')}.txt`
    const part = { disposition: `name="file"; filename="${name}"\r\nContent-Type: text/csv`, content: 'a,b' }
    const { json } = await door.send('POST', `/packages/${id}/files`, rawForm([part]))
    expect(json).toMatchObject({ relative_path: name, media_type: 'text/csv', size: 3 })
  })

  it('accepts a name of exactly 1,024 bytes, and an empty file', async () => {
    const { id } = await door.newPackage()
    const path = `${`${'d'.repeat(254)}/`.repeat(4)}name`
    expect(Buffer.byteLength(path)).toBe(1024)
    const file = await door.addFile(id, path, '')
    expect(file).toMatchObject({ relative_path: path, size: 0 })
    const { bytes, headers } = await door.send('GET', `/files/${file.id}/download`)
    expect([bytes.length, headers.get('content-length')]).toEqual([0, '0'])
  })

  it('lists files in path order, page by page', async () => {
    const { id } = await door.newPackage()
    for (const path of ['b', 'a/z', 'c', 'a/b', 'ä']) await door.addFile(id, path, path)
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page: FilePageJson = (await door.send('GET', `/packages/${id}/files?limit=2${after}`)).json as FilePageJson
      seen.push(...page.files.map((file) => file.relative_path))
      cursor = page.next_cursor
    }
    expect(seen).toEqual(['a/b', 'a/z', 'b', 'c', 'ä'])
  })
})
