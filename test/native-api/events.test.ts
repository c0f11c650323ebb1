import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventPageJson } from '../../src/native-api/wire.ts'
import { decodeCanonical } from '../../src/registry/index.ts'
import { addressOf } from '../support/bytes.ts'
import { type Door, openDoor } from './native-fixture.ts'

const JSON_PLEASE = { accept: 'application/json' }

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(async () => {
  await door[Symbol.asyncDispose]()
})

async function events(query = ''): Promise<EventPageJson> {
  return (await door.send('GET', `/events${query}`, { headers: JSON_PLEASE })).json as EventPageJson
}

async function end(): Promise<string> {
  return (await events('?limit=1000')).next_cursor
}

describe('a feed that is refused', () => {
  it.each(['nonsense', '0123abcd.1', `${'f'.repeat(32)}.0`])('has the cursor %s', async (cursor) => {
    expect(await door.refusal('GET', `/events?after=${cursor}`)).toMatchObject({ code: 'cursor-unknown', status: 409 })
  })

  it('has a cursor beyond the end of the log', async () => {
    const [epoch] = (await end()).split('.')
    expect((await door.refusal('GET', `/events?after=${epoch}.999999`)).code).toBe('cursor-unknown')
  })

  it.each([
    ['wait=61', 'wait', /0 to 60/],
    ['wait=-1', 'wait', /0 to 60/],
    ['limit=0', 'limit', /1 to 1000/],
    ['since=1', 'since', /after, limit, wait, type/],
  ])('has the query %s', async (query, field, detail) => {
    const problem = await door.refusal('GET', `/events?${query}`)
    expect(problem).toMatchObject({ code: 'field-invalid', field })
    expect(problem.detail).toMatch(detail)
  })

  it('asks for more types than there can be', async () => {
    const query = Array.from({ length: 33 }, (_, n) => `type=t-${n}`).join('&')
    expect((await door.refusal('GET', `/events?${query}`)).field).toBe('type')
  })

  it('wants neither CBOR nor JSON', async () => {
    const problem = await door.refusal('GET', '/events', { headers: { accept: 'text/html' } })
    expect(problem).toMatchObject({ code: 'not-acceptable', status: 406 })
  })
})

describe('the feed', () => {
  it('tells every change once, in order, with who did it', async () => {
    const before = await end()
    const { id } = await door.newPackage({ metadata: { run: 1 } })
    await door.addFile(id, 'a.txt', 'hello')
    await door.send('POST', `/packages/${id}/finalize`)
    const page = await events(`?after=${before}`)
    const sequences = page.events.map(({ sequence }) => sequence)
    expect(sequences).toEqual(sequences.map((_, n) => sequences[0]! + n))
    const types = page.events.map(({ event_type }) => event_type)
    expect(types).toEqual(expect.arrayContaining(['v1.package.created', 'v1.file.ingested', 'v1.package.finalized']))
    expect(new Set(page.events.map(({ actor }) => actor))).toEqual(new Set(['ci']))
    expect(await events(`?after=${page.next_cursor}`)).toEqual({ events: [], next_cursor: page.next_cursor })
  })

  it('in CBOR carries the payload bytes that the digest is of', async () => {
    const before = await end()
    await door.newPackage({ name: 'in-cbor' })
    const { headers, bytes } = await door.send('GET', `/events?after=${before}`)
    expect(headers.get('content-type')).toBe('application/cbor')
    const page = decodeCanonical(bytes) as {
      events: { payload: Uint8Array; payload_digest: string }[]
      next_cursor: string
    }
    expect(page.events.length).toBeGreaterThan(0)
    for (const { payload, payload_digest } of page.events) expect(addressOf(payload)).toBe(payload_digest)
    const asJson = await events(`?after=${before}`)
    expect(asJson.next_cursor).toBe(page.next_cursor)
    expect(asJson.events.map(({ payload_digest }) => payload_digest)).toEqual(
      page.events.map(({ payload_digest }) => payload_digest),
    )
  })

  it('pages, and tells only the types that are asked for', async () => {
    const before = await end()
    for (const name of ['t-1', 't-2', 't-3']) await door.newPackage({ name })
    const first = await events(`?after=${before}&limit=1`)
    const second = await events(`?after=${first.next_cursor}&limit=1`)
    expect(second.events[0]?.sequence).toBe(first.events[0]!.sequence + 1)
    const created = await events(`?after=${before}&type=v1.package.created&type=v1.package.finalized`)
    expect(created.events.map(({ event_type }) => event_type)).toEqual(Array(3).fill('v1.package.created'))
    expect((await events(`?after=${before}&type=v1.no.such`)).events).toEqual([])
  })

  it('waits for the first event and answers as soon as it is there', async () => {
    const before = await end()
    const began = performance.now()
    const waiting = events(`?after=${before}&wait=20`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await door.newPackage({ name: 'awaited' })
    expect((await waiting).events.length).toBeGreaterThan(0)
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  it('answers its waiting readers at once when the server begins to stop', async () => {
    const stopping = new AbortController()
    await using other = await openDoor({ draining: stopping.signal })
    const waiting = other.send('GET', '/events?wait=60', { headers: JSON_PLEASE })
    await new Promise((resolve) => setTimeout(resolve, 100))
    stopping.abort()
    expect((await waiting).json).toMatchObject({ events: [] })
  })
})
