import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { BannerJson, HealthJson } from '../../src/native-api/wire.ts'
import type { RegistryHealth } from '../../src/registry/index.ts'
import { openDoor } from './native-fixture.ts'

describe('health', () => {
  it('is 503 when degraded, and repeats nothing that names a path or an address of the inside', async () => {
    const sick: RegistryHealth = {
      healthy: false,
      database: { kind: 'postgresql', healthy: false, detail: 'connect ECONNREFUSED 10.1.2.3:5432' },
      backend: { id: 'local', healthy: false, detail: "EACCES: permission denied, open '/srv/secret/blake3'" },
      failedLocations: 2,
    }
    await using door = await openDoor({ wrap: (registry) => ({ ...registry, health: async () => sick }) })
    const { status, json, bytes } = await door.send('GET', '/health', { token: null })
    expect(status).toBe(503)
    expect(json).toMatchObject({
      status: 'degraded',
      db: { healthy: false },
      backend: { backend_id: 'local', healthy: false, free_bytes: null, total_bytes: null },
      failed_locations: 2,
    })
    expect(bytes.toString()).not.toMatch(/secret|10\.1\.2\.3|srv/)
  })

  it('of a working server is ok and tells its room', async () => {
    await using door = await openDoor()
    const { status, json, headers } = await door.send('GET', '/health?probe=1', { token: null })
    const report = json as HealthJson
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(report).toMatchObject({ status: 'ok', version: '1.2.3-test', db: { healthy: true }, failed_locations: 0 })
    expect(report.backend.free_bytes).toBeGreaterThan(0)
  })
})

describe('the banner', () => {
  it('leads to routes that exist', async () => {
    await using door = await openDoor()
    const { links, version } = (await door.send('GET', '/', { token: null })).json as BannerJson
    expect(version).toBe('1.2.3-test')
    for (const [name, path] of Object.entries(links)) {
      if (name === 'oci' || name === 'uploads') continue
      expect((await door.send('GET', path)).status, name).toBe(200)
    }
  })
})

describe('the documentation page', () => {
  it('may run its own script and style and nothing else, and loads nothing from elsewhere', async () => {
    await using door = await openDoor()
    const { headers, bytes } = await door.send('GET', '/docs', { token: null })
    const html = bytes.toString()
    const policy = headers.get('content-security-policy') ?? ''
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(policy).toMatch(/^default-src 'none'/)
    for (const [tag, directive] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ]) {
      const [, content = ''] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html) ?? []
      expect(content.length).toBeGreaterThan(1000)
      const hash = createHash('sha256').update(content).digest('base64')
      expect(policy).toContain(`${directive} 'sha256-${hash}'`)
    }
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//)
    expect(html.match(/<(script|style)[\s>]/g)).toHaveLength(2)
  })
})

describe('the OpenAPI document', () => {
  it('is served whole, with the version of the server', async () => {
    await using door = await openDoor()
    const { json } = await door.send('GET', '/openapi.json', { token: null })
    expect(json).toMatchObject({ openapi: '3.1.1', info: { version: '1.2.3-test' } })
  })
})

describe('requests that belong to no route', () => {
  it('are told so, with the methods where only the method is wrong', async () => {
    await using door = await openDoor()
    expect(await door.refusal('GET', '/nowhere')).toMatchObject({
      code: 'route-unknown',
      status: 404,
      instance: '/nowhere',
    })
    const { status, headers, json } = await door.send('PUT', '/packages', { json: {} })
    expect([status, headers.get('allow')]).toEqual([405, 'POST, GET, HEAD'])
    expect(json).toMatchObject({ type: 'urn:artifactstore:problem:method-not-allowed' })
    expect(await door.refusal('GET', '/packages/%ff')).toMatchObject({ code: 'path-malformed', status: 400 })
  })

  it('carry the request id of the client into the answer, its header and its problem', async () => {
    await using door = await openDoor()
    const { headers, json } = await door.send('GET', '/nowhere', { headers: { 'x-request-id': 'my-id-1' } })
    expect(headers.get('x-request-id')).toBe('my-id-1')
    expect(json).toMatchObject({ request_id: 'my-id-1' })
  })
})
