import { describe, expect, test } from 'vitest'
import { bytesOf } from '../support/bytes.ts'
import { openDoor, sha256, sha512, TOKEN } from './oci-fixture.ts'

const BYTES = Buffer.alloc(2048, 'abcdefghijklmnop')
const DIGEST = sha256(BYTES)
const PATH = `/v2/team/app/blobs/${DIGEST}`

describe('reading a blob', () => {
  test('one that the repository does not hold is unknown, also when another repository does', async () => {
    await using door = await openDoor()
    await door.putBlob('other/app', BYTES)
    for (const path of [PATH, `/v2/other/app/blobs/${sha256('nothing')}`]) {
      const answer = await door.send('GET', path)
      expect([answer.status, answer.code]).toEqual([404, 'BLOB_UNKNOWN'])
      const head = await door.send('HEAD', path)
      expect([head.status, head.bytes.length]).toEqual([404, 0])
    }
  })

  test.each(['bytes=500-0', 'bytes=5000-10000', 'bytes=2048-'])('%s cannot be satisfied', async (range) => {
    await using door = await openDoor()
    await door.putBlob('team/app', BYTES)
    const answer = await door.send('GET', PATH, { headers: { range } })
    expect([answer.status, answer.headers.get('content-range'), answer.code]).toEqual([
      416,
      'bytes */2048',
      'SIZE_INVALID',
    ])
  })

  test('GET and HEAD tell length, digest and that ranges work', async () => {
    await using door = await openDoor()
    await door.putBlob('team/app', BYTES)
    for (const method of ['GET', 'HEAD']) {
      const answer = await door.send(method, PATH)
      expect(answer.status).toBe(200)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-length': '2048',
        'content-type': 'application/octet-stream',
        'docker-content-digest': DIGEST,
        'accept-ranges': 'bytes',
        etag: `"${DIGEST}"`,
      })
      expect(answer.bytes.equals(method === 'GET' ? BYTES : Buffer.alloc(0))).toBe(true)
    }
  })

  test.each([
    ['bytes=500-1499', 500, 1500],
    ['bytes=500-', 500, 2048],
    ['bytes=-500', 1548, 2048],
    ['bytes=2000-5000', 2000, 2048],
  ])('%s answers a part', async (range, from, to) => {
    await using door = await openDoor()
    await door.putBlob('team/app', BYTES)
    const answer = await door.send('GET', PATH, { headers: { range } })
    expect(answer.status).toBe(206)
    expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/2048`)
    expect(answer.headers.get('content-length')).toBe(String(to - from))
    expect(answer.bytes.equals(BYTES.subarray(from, to))).toBe(true)
  })

  test('several ranges, or a range of another version, answer the whole', async () => {
    await using door = await openDoor()
    await door.putBlob('team/app', BYTES)
    const several: Record<string, string> = { range: 'bytes=0-1,5-6' }
    for (const headers of [several, { range: 'bytes=0-1', 'if-range': '"sha256:other"' }]) {
      const answer = await door.send('GET', PATH, { headers })
      expect([answer.status, answer.bytes.length]).toEqual([200, 2048])
    }
  })

  test('a client that has it is told so, if it is still there', async () => {
    await using door = await openDoor()
    expect((await door.send('GET', PATH, { headers: { 'if-none-match': `"${DIGEST}"` } })).status).toBe(404)
    await door.putBlob('team/app', BYTES)
    for (const known of [`"${DIGEST}"`, DIGEST]) {
      const answer = await door.send('GET', PATH, { headers: { 'if-none-match': known } })
      expect([answer.status, answer.bytes.length, answer.headers.get('etag')]).toEqual([304, 0, `"${DIGEST}"`])
    }
  })

  test('the empty blob has a length too', async () => {
    await using door = await openDoor()
    const digest = await door.putBlob('team/app', '')
    for (const method of ['GET', 'HEAD']) {
      const answer = await door.send(method, `/v2/team/app/blobs/${digest}`)
      expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '0'])
    }
  })

  test('a blob is there under the name it was pushed with, also sha512', async () => {
    await using door = await openDoor()
    const digest = sha512(BYTES)
    const put = await door.send('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, { body: BYTES })
    expect([put.status, put.headers.get('docker-content-digest')]).toEqual([201, digest])
    const answer = await door.send('GET', `/v2/team/app/blobs/${digest}`)
    expect([answer.headers.get('docker-content-digest'), answer.bytes.equals(BYTES)]).toEqual([digest, true])
  })
})

describe('downloads beside each other', () => {
  test('do not mix their bytes, also when one client leaves half-way', async () => {
    await using door = await openDoor()
    const blobs = [bytesOf(5_000_000, 1), bytesOf(3_000_001, 2)]
    const paths = await Promise.all(
      blobs.map(async (bytes) => `/v2/team/app/blobs/${await door.putBlob('team/app', bytes)}`),
    )
    const leaver = new AbortController()
    const left = fetch(`http://127.0.0.1:${door.port}${paths[0]}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: leaver.signal,
    })
    await left
    leaver.abort()
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => door.send('GET', paths[n % 2] ?? '')))
    expect(answers.map(({ bytes }, n) => bytes.equals(blobs[n % 2] ?? Buffer.alloc(0)))).toEqual(Array(12).fill(true))
    const part = await door.send('GET', paths[0] ?? '', { headers: { range: 'bytes=1000000-4000000' } })
    expect(part.bytes.equals((blobs[0] ?? Buffer.alloc(0)).subarray(1_000_000, 4_000_001))).toBe(true)
  })
})

describe('deleting a blob', () => {
  test('of which the repository knows nothing is 404', async () => {
    await using door = await openDoor()
    expect((await door.send('DELETE', PATH)).status).toBe(404)
    await door.putBlob('team/app', 'else')
    const answer = await door.send('DELETE', PATH)
    expect([answer.status, answer.code]).toEqual([404, 'BLOB_UNKNOWN'])
  })

  test('takes it out of this repository at once and leaves others alone', async () => {
    await using door = await openDoor()
    await door.putBlob('team/app', BYTES)
    await door.putBlob('other/app', BYTES)
    expect((await door.send('DELETE', PATH)).status).toBe(202)
    expect((await door.send('HEAD', PATH)).status).toBe(404)
    expect((await door.send('DELETE', PATH)).status).toBe(404)
    expect((await door.send('HEAD', `/v2/other/app/blobs/${DIGEST}`)).status).toBe(200)
  })
})
