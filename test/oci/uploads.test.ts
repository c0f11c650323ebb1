import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type Door, openDoor, sha256, sha512, streamed, TOKEN } from './oci-fixture.ts'

const BYTES = Buffer.alloc(3067, 'abcdefghijklmnop')
const DIGEST = sha256(BYTES)
const BEGIN = '/v2/team/app/blobs/uploads/'

async function begin(door: Door, query = ''): Promise<string> {
  const answer = await door.send('POST', BEGIN + query)
  expect(answer.status).toBe(202)
  return answer.headers.get('location') ?? ''
}
const chunk = (from: number, to: number) => ({
  headers: { 'content-range': `${from}-${to - 1}` },
  body: BYTES.subarray(from, to),
})
const complete = (location: string, digest = DIGEST) => `${location}?digest=${encodeURIComponent(digest)}`

describe('an upload that goes wrong', () => {
  test('bytes of another digest are refused in every form, and nothing is stored', async () => {
    await using door = await openDoor()
    const body = 'not these bytes'
    const single = await door.send('POST', `${BEGIN}?digest=${DIGEST}`, { body })
    const put = await door.send('PUT', complete(await begin(door)), { body })
    const location = await begin(door)
    await door.send('PATCH', location, { body })
    const patched = await door.send('PUT', complete(location))
    for (const answer of [single, put, patched]) expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID'])
    expect((await door.send('HEAD', `/v2/team/app/blobs/${DIGEST}`)).status).toBe(404)
    expect((await door.send('HEAD', `/v2/team/app/blobs/${sha256(body)}`)).status).toBe(404)
  })

  test('a cancellation does not wait: whoever is completing the upload is told that it is over', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    await door.send('PATCH', location, { body: BYTES.subarray(0, 1000) })
    const { promise, resolve } = Promise.withResolvers<void>()
    const rest = ReadableStream.from(
      (async function* () {
        yield BYTES.subarray(1000, 2000)
        await promise
        yield BYTES.subarray(2000)
      })(),
    ) as ReadableStream<Uint8Array>
    const completed = door.send('PUT', complete(location), { body: rest })
    await new Promise((later) => setTimeout(later, 100))
    expect((await door.send('DELETE', location)).status).toBe(204)
    resolve()
    const answer = await completed
    expect([answer.status, answer.code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
    expect((await door.send('HEAD', `/v2/team/app/blobs/${DIGEST}`)).status).toBe(404)
  })

  test('a chunk out of order is 416, tells where to go on, and loses nothing', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    const ahead = await door.send('PATCH', location, chunk(1024, 2048))
    expect(ahead.status).toBe(416)
    expect((await door.send('PATCH', location, chunk(0, 1024))).status).toBe(202)
    for (const wrong of [chunk(0, 1024), chunk(2048, 3067)]) {
      const answer = await door.send('PATCH', location, wrong)
      expect(answer.status).toBe(416)
      expect(answer.headers.get('location')).toBe(location)
      expect(answer.headers.get('range')).toBe('0-1023')
    }
    const early = await door.send('PUT', complete(location), chunk(2048, 3067))
    expect([early.status, early.headers.get('range')]).toEqual([416, '0-1023'])
    const status = await door.send('GET', complete(location))
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-1023'])
    expect((await door.send('PATCH', location, chunk(1024, 2048))).headers.get('range')).toBe('0-2047')
    expect((await door.send('PUT', complete(location), chunk(2048, 3067))).status).toBe(201)
  })

  test('a chunk whose two lengths differ, or whose range does not read, is 400 and changes nothing', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    for (const range of ['0-99', 'x', '5-1', '0-']) {
      const answer = await door.send('PATCH', location, { headers: { 'content-range': range }, body: 'ten bytes!' })
      expect([range, answer.status]).toEqual([range, 400])
    }
    expect((await door.send('GET', location)).headers.get('range')).toBe('0-0')
  })

  test('an upload of another repository, another identity or nobody is unknown', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    await door.send('PATCH', location, { body: 'x' })
    const elsewhere = location.replace('team/app', 'other/app')
    const attempts = [
      await door.send('GET', elsewhere),
      await door.send('PATCH', elsewhere, { body: 'x' }),
      await door.send('PUT', complete(elsewhere), { body: 'x' }),
      await door.send('DELETE', elsewhere),
      await door.send('GET', location, { token: 'other-token' }),
      await door.send('PATCH', `${BEGIN}made-up`, { body: 'x' }),
    ]
    for (const { status, code } of attempts) expect([status, code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
    expect((await door.send('GET', location)).status).toBe(204)
  })

  test('completing needs a digest that reads', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    for (const path of [location, `${location}?digest=sha256:abc`, `${location}?digest=md5:abc`]) {
      const answer = await door.send('PUT', path, { body: BYTES })
      expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID'])
    }
    expect((await door.send('PUT', complete(location), { body: BYTES })).status).toBe(201)
  })

  test('an unknown algorithm is refused when the upload begins', async () => {
    await using door = await openDoor()
    const answer = await door.send('POST', `${BEGIN}?digest-algorithm=md5`)
    expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID'])
  })

  test('of two chunks for the same place only one is taken', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    const answers = await Promise.all([1, 2].map(() => door.send('PATCH', location, chunk(0, 1024))))
    const statuses = answers.map(({ status }) => status).toSorted()
    expect(statuses[0]).toBe(202)
    expect([416, 429]).toContain(statuses[1])
    expect((await door.send('GET', location)).headers.get('range')).toBe('0-1023')
  })

  test('a client that hangs up half-way finds in the status what arrived', async () => {
    await using door = await openDoor()
    const location = await begin(door)
    const socket = connect(door.port, '127.0.0.1')
    const head = `PATCH ${location} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 3067\r\n\r\n`
    socket.write(Buffer.concat([Buffer.from(head), BYTES.subarray(0, 1000)]))
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.destroy()
    const range = async () => (await door.send('GET', location)).headers.get('range')
    await expect.poll(range, { timeout: 5000 }).toBe('0-999')
    expect((await door.send('PUT', complete(location), chunk(1000, 3067))).status).toBe(201)
    expect((await door.send('GET', `/v2/team/app/blobs/${DIGEST}`)).bytes.equals(BYTES)).toBe(true)
  })
})

describe('an upload', () => {
  test.each([
    ['single post', async (door: Door) => door.send('POST', `${BEGIN}?digest=${DIGEST}`, { body: BYTES })],
    ['post and put', async (door: Door) => door.send('PUT', complete(await begin(door)), { body: BYTES })],
    [
      'streamed patch',
      async (door: Door) => {
        const location = await begin(door)
        const patched = await door.send('PATCH', location, {
          body: streamed(BYTES.subarray(0, 2000), BYTES.subarray(2000)),
        })
        expect([patched.status, patched.headers.get('range')]).toEqual([202, '0-3066'])
        return door.send('PUT', complete(location))
      },
    ],
    [
      'chunks',
      async (door: Door) => {
        const location = await begin(door)
        for (const [from, to] of [
          [0, 1024],
          [1024, 2048],
          [2048, 3067],
        ] as const) {
          const patched = await door.send('PATCH', location, chunk(from, to))
          expect([patched.status, patched.headers.get('range')]).toEqual([202, `0-${to - 1}`])
        }
        return door.send('PUT', complete(location))
      },
    ],
    [
      'sha512 told at the end',
      async (door: Door) => {
        const location = await begin(door)
        await door.send('PATCH', location, { body: BYTES })
        const answer = await door.send('PUT', complete(location, sha512(BYTES)))
        expect(answer.headers.get('location')).toBe(`/v2/team/app/blobs/${sha512(BYTES)}`)
        return answer
      },
    ],
    [
      'sha512 told at the start',
      async (door: Door) => {
        const location = await begin(door, '?digest-algorithm=sha512')
        return door.send('PUT', complete(location, sha512(BYTES)), { body: BYTES })
      },
    ],
  ])('by %s is readable where it says, and once more when repeated', async (_, upload) => {
    await using door = await openDoor()
    for (let n = 0; n < 2; n++) {
      const answer = await upload(door)
      expect(answer.status).toBe(201)
      expect(answer.headers.get('content-length')).toBe('0')
      const location = answer.headers.get('location') ?? ''
      expect(location).toMatch(/^\/v2\/team\/app\/blobs\//)
      expect(answer.headers.get('docker-content-digest')).toBe(location.slice(location.lastIndexOf('/') + 1))
      expect((await door.send('GET', location)).bytes.equals(BYTES)).toBe(true)
    }
  })

  test('begins with a location, its id and an empty range, and reports its progress', async () => {
    await using door = await openDoor()
    const answer = await door.send('POST', '/v2/team/app/blobs/uploads')
    const location = answer.headers.get('location') ?? ''
    expect(location).toMatch(/^\/v2\/team\/app\/blobs\/uploads\/[^/]+$/)
    expect(answer.headers.get('docker-upload-uuid')).toBe(location.slice(location.lastIndexOf('/') + 1))
    expect([answer.headers.get('range'), answer.headers.get('content-length')]).toEqual(['0-0', '0'])
    const status = await door.send('GET', location)
    expect([status.status, status.headers.get('range'), status.headers.get('location')]).toEqual([204, '0-0', location])
  })

  test('of an empty blob may be completed without ever sending a body', async () => {
    await using door = await openDoor()
    expect((await door.send('PUT', complete(await begin(door), sha256('')))).status).toBe(201)
  })

  test('that is cancelled is gone, before and after its first byte', async () => {
    await using door = await openDoor()
    const fresh = await begin(door)
    const filled = await begin(door)
    await door.send('PATCH', filled, { body: 'x' })
    for (const location of [fresh, filled]) {
      expect((await door.send('DELETE', location)).status).toBe(204)
      for (const method of ['GET', 'DELETE']) expect((await door.send(method, location)).status).toBe(404)
    }
  })
})

describe('mounting', () => {
  test('what is not there begins an upload instead', async () => {
    await using door = await openDoor()
    for (const query of [`?mount=${DIGEST}`, `?mount=${DIGEST}&from=other/app`]) {
      const location = await begin(door, query)
      expect((await door.send('PUT', complete(location, sha256(query)), { body: query })).status).toBe(201)
    }
    const malformed = await door.send('POST', `${BEGIN}?mount=sha256:bad`)
    expect([malformed.status, malformed.code]).toEqual([400, 'DIGEST_INVALID'])
  })

  test.each([`?mount=${DIGEST}&from=other/app&origin=x`, `?mount=${DIGEST}`])('%s links the blob', async (query) => {
    await using door = await openDoor()
    await door.putBlob('other/app', BYTES)
    const answer = await door.send('POST', BEGIN + query)
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe(`/v2/team/app/blobs/${DIGEST}`)
    expect(answer.headers.get('docker-content-digest')).toBe(DIGEST)
    expect((await door.send('GET', `/v2/team/app/blobs/${DIGEST}`)).bytes.equals(BYTES)).toBe(true)
  })
})
