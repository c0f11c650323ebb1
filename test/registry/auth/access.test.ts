/** Credentials to identities, on both engines: issued tokens, access tokens, and every way to forge one. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Identity, LOCAL } from '../../../src/registry/auth/identity.ts'
import { openDatabase } from '../../../src/registry/index.ts'
import { DATABASES } from '../../support/databases.ts'
import { openTestRegistry, type TestRegistry } from '../../support/open-test-registry.ts'

const FROM = { address: '192.0.2.1' }
const bearer = (secret: string) => ({ kind: 'bearer', secret }) as const
const CI: Identity = { name: 'ci', kind: 'static' }

describe.each(DATABASES)('access on $engine', ({ createMigrated }) => {
  let folder: string
  let drop: () => Promise<void>
  let opened: TestRegistry
  const time = { now: Date.parse('2026-01-01T00:00:00Z') }
  const registry = () => opened.registry
  const identify = (secret: string) => registry().access.identify(bearer(secret), FROM)
  const issue = (scopes = ['repository:team/*:pull,push'], expiresInSeconds?: number) =>
    registry().tokens.create({ scopes, note: 'test', ...(expiresInSeconds && { expiresInSeconds }) }, LOCAL)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'access-'))
    const created = await createMigrated(folder)
    drop = created.drop
    opened = await openTestRegistry({
      folder,
      location: created.location,
      isMigrated: true,
      dependencies: { clock: () => time.now, access: { tokens: ['ci:static-secret'] } },
    })
  })
  afterEach(async () => {
    await registry().dispose()
    await drop()
    await rm(folder, { recursive: true, force: true })
  })

  describe('issued tokens', () => {
    test('are refused without a scope, a note, or the right to hand the scope on', async () => {
      const { tokens } = registry()
      await expect(tokens.create({ scopes: [], note: 'x' }, LOCAL)).rejects.toMatchObject({ code: 'field-invalid' })
      await expect(tokens.create({ scopes: ['x'], note: 'x' }, LOCAL)).rejects.toMatchObject({ code: 'field-invalid' })
      await expect(issue(['repository:a:fly'])).rejects.toMatchObject({ code: 'field-invalid' })
      await expect(tokens.create({ scopes: ['repository:a:pull'], note: ' ' }, LOCAL)).rejects.toMatchObject({
        code: 'field-invalid',
      })
      const nobody: Identity = { name: 'nobody', kind: 'user' }
      await expect(tokens.create({ scopes: ['repository:a:pull'], note: 'x' }, nobody)).rejects.toMatchObject({
        code: 'denied',
      })
      expect((await tokens.list({ limit: 10 })).items).toEqual([])
    })

    test('say who they are by their secret, of which only a hash is kept, in views and log', async () => {
      const { token, secret } = await issue()
      expect(secret).toMatch(/^ast_[\w-]{43}$/)
      expect(await identify(secret)).toMatchObject({ name: `token:${token.id}`, kind: 'issued' })
      expect(await identify(`${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`)).toBe('invalid')
      const { events } = await registry().events.read({ limit: 100 })
      const said = events.map((event) => Buffer.from(event.payload!).toString('latin1')).join()
      expect(said).not.toContain(secret)
      expect(events.map(({ type }) => type)).toEqual(['v1.token.issued'])
    })

    test('lapse at their time, end when revoked, and stay in the list', async () => {
      const short = await issue(undefined, 60)
      const long = await issue()
      time.now += 61_000
      expect(await identify(short.secret)).toBe('invalid')
      expect(await identify(long.secret)).toMatchObject({ kind: 'issued' })
      await registry().tokens.revoke(long.token.id, LOCAL, 'leaked')
      await registry().tokens.revoke(long.token.id, LOCAL)
      expect(await identify(long.secret)).toBe('invalid')
      const { items } = await registry().tokens.list({ limit: 10 })
      expect(items.map(({ id, revokedAt }) => [id, revokedAt !== null])).toEqual(
        expect.arrayContaining([
          [long.token.id, true],
          [short.token.id, false],
        ]),
      )
      await expect(registry().tokens.revoke('nope', LOCAL)).rejects.toMatchObject({ code: 'token-unknown' })
      const { events } = await registry().events.read({ limit: 100, types: ['v1.token.revoked'] })
      expect(events).toHaveLength(1)
    })

    test('end themselves, and nobody else', async () => {
      const mine = await issue()
      const other = await issue()
      const self = (await identify(mine.secret)) as Identity
      await expect(registry().tokens.revoke(other.token.id, self)).rejects.toMatchObject({ code: 'denied' })
      await registry().tokens.revoke(mine.token.id, self)
      expect(await identify(mine.secret)).toBe('invalid')
    })

    test('show when they were last used', async () => {
      const { token, secret } = await issue()
      expect(token.lastUsedAt).toBeNull()
      await identify(secret)
      // The use is noted beside the request; whatever is written next comes after it.
      await issue()
      expect((await registry().tokens.get(token.id)).lastUsedAt).toBe(new Date(time.now).toISOString())
    })

    test('that another server revoked are seen as such within a second', async () => {
      const { token, secret } = await issue()
      await identify(secret)
      const database = await openDatabase(opened.location, { durability: 'durable' })
      const other = await openTestRegistry({
        folder,
        location: opened.location,
        isMigrated: true,
        dependencies: { database, soleServer: false, clock: () => time.now },
      })
      await other.registry.tokens.revoke(token.id, LOCAL)
      await other.registry.dispose()
      time.now += 1_000
      expect(await identify(secret)).toBe('invalid')
    })

    test('are a view like any other: a rebuild changes no row', async () => {
      const { token } = await issue()
      await registry().tokens.revoke(token.id, LOCAL)
      expect((await registry().verifyViews()).differences).toEqual([])
      expect((await registry().replay()).changedRows).toBe(0)
    })
  })

  describe('access tokens', () => {
    const get = async (identity: Identity, ...scopes: string[]) =>
      (await registry().access.issueAccessToken(identity, scopes)).token
    const ci = async () => (await identify('static-secret')) as Identity
    const decide = async (token: string, action: string, on: string) =>
      registry().access.decide((await identify(token)) as Identity, action, on)

    test('narrow what their holder may do to what was asked for', async () => {
      const token = await get(await ci(), 'repository:team/app:pull', 'repository:other:delete')
      expect(await identify(token)).toMatchObject({ name: 'ci', kind: 'static' })
      expect(await decide(token, 'pull', 'team/app')).toBe('allowed')
      expect(await decide(token, 'push', 'team/app')).toBe('beyond-scope')
      expect(await decide(token, 'delete', 'other')).toBe('allowed')
      expect(await decide(token, 'pull', 'third')).toBe('beyond-scope')
    })

    test('grant no more than the holder may, and no error where that is nothing', async () => {
      const { secret } = await issue(['repository:team/*:pull'])
      const holder = (await identify(secret)) as Identity
      const answer = await registry().access.issueAccessToken(holder, [
        'repository:team/app:pull,push',
        'repository:x:*',
      ])
      expect(answer.scope).toBe('repository:team/app:pull repository:x:')
      expect(await decide(answer.token, 'push', 'team/app')).toBe('denied')
    })

    test('live five minutes and a minute of clocks apart, and end with the credential behind them', async () => {
      const { token, secret } = await issue()
      const holder = (await identify(secret)) as Identity
      const access = await get(holder, 'repository:team/app:pull')
      time.now += 359_000
      expect(await identify(access)).toMatchObject({ kind: 'issued' })
      time.now += 2_000
      expect(await identify(access)).toBe('invalid')
      const next = await get(holder, 'repository:team/app:pull')
      expect(await identify(next)).toMatchObject({ kind: 'issued' })
      await registry().tokens.revoke(token.id, LOCAL)
      expect(await identify(next)).toBe('invalid')
    })

    test('outlive a change of the key that signed them, and are made with the new one', async () => {
      const before = await get(await ci(), 'repository:a:pull')
      const refresh = (await registry().access.issueRefreshToken(await ci()))!
      const { keyId } = await registry().access.rotateKey('ci')
      expect(await identify(before)).toMatchObject({ name: 'ci' })
      expect(await registry().access.refresh(refresh, FROM)).toMatchObject({ name: 'ci' })
      const after = await get(await ci(), 'repository:a:pull')
      const header = JSON.parse(Buffer.from(after.split('.')[0]!, 'base64url').toString()) as { kid: string }
      expect(header.kid).toBe(keyId)
      time.now += 31 * 24 * 60 * 60_000
      expect(await registry().access.refresh(refresh, FROM)).toBe('invalid')
    })

    test('are not refresh tokens, nor the reverse', async () => {
      const access = await get(await ci(), 'repository:a:pull')
      const refresh = (await registry().access.issueRefreshToken(await ci()))!
      expect(await registry().access.refresh(access, FROM)).toBe('invalid')
      expect(await identify(refresh)).toBe('invalid')
    })

    test('that somebody forged are nobody', async () => {
      const good = await get(await ci(), 'repository:a:pull')
      const [head, body, mac] = good.split('.') as [string, string, string]
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>
      const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string }
      const database = await openDatabase(opened.location, { durability: 'durable' })
      const row = await database.reader.get<{ secret: Uint8Array }>('SELECT secret FROM token_keys')
      await database.close()
      const key = row!.secret
      const sign = (changed: Record<string, unknown>, header: Record<string, unknown> = {}, by: Uint8Array = key) =>
        new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid, ...header }).sign(by)
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const text = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const pem = publicKey.export({ type: 'spki', format: 'pem' })
      const confused = `${text({ alg: 'HS256', typ: 'JWT', kid })}.${body}`
      const critical = `${text({ alg: 'HS256', typ: 'JWT', kid, crit: ['exotic'], exotic: 1 })}.${body}`
      const forged = {
        'algorithm none': new UnsecuredJWT(claims).encode(),
        'none with our key id': `${text({ alg: 'none', typ: 'JWT', kid })}.${body}.`,
        'another key': await sign({}, {}, Buffer.alloc(32, 7)),
        'a key id that is not ours': await sign({}, { kid: 'ffff' }),
        'no key id': await sign({}, { kid: undefined }),
        'another algorithm': await new SignJWT(claims)
          .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
          .sign(privateKey),
        'HMAC with a public key': `${confused}.${createHmac('sha256', pem).update(confused).digest('base64url')}`,
        'another audience': await sign({ aud: 'elsewhere' }),
        'no audience': await sign({ aud: undefined }),
        'another issuer': await sign({ iss: 'elsewhere' }),
        expired: await sign({ exp: Math.floor(time.now / 1_000) - 61 }),
        'without an end': await sign({ exp: undefined }),
        'not valid yet': await sign({ nbf: Math.floor(time.now / 1_000) + 120 }),
        'another type': await sign({}, { typ: 'artifactstore-refresh' }),
        'another bearer': await sign({ sub: 'other' }),
        'another kind of bearer': await sign({ who: 'local' }),
        'another credential': await sign({ cred: 'x' }),
        'a changed body': `${head}.${text({ ...claims, sub: 'root' })}.${mac}`,
        'a cut signature': `${head}.${body}.${mac.slice(0, -2)}`,
        'four parts': `${good}.x`,
        'a critical extension': `${critical}.${createHmac('sha256', key).update(critical).digest('base64url')}`,
        huge: `${head}.${'A'.repeat(40_000)}.${mac}`,
      }
      for (const [what, token] of Object.entries(forged)) expect([what, await fresh(token)]).toEqual([what, 'invalid'])
      expect(await identify(good)).toMatchObject({ name: 'ci' })
      expect(await fresh(await sign({}))).toMatchObject({ name: 'ci' })
    })
  })

  /** From an address of its own, so that guesses do not wait for each other. */
  let address = 0
  const fresh = (secret: string) => {
    address += 1
    return registry().access.identify(bearer(secret), { address: `198.51.100.${address}` })
  }

  test('guesses from one address wait after some, and a good token still passes there', async () => {
    const answers: unknown[] = []
    for (let n = 0; n < 12; n += 1) answers.push(await identify(`wrong ${n}`))
    expect(answers.slice(0, 11)).toEqual(Array(11).fill('invalid'))
    expect(answers[11]).toEqual({ retryAfterSeconds: 1 })
    expect(await identify('static-secret')).toMatchObject({ name: 'ci' })
  })

  test('an explanation names the rule, or says that nobody is called so', async () => {
    const { access } = registry()
    expect(await access.explain('ci', 'push', 'a')).toMatchObject({ known: true, allowed: true, by: /no access rules/ })
    expect(await access.explain('anonymous', 'pull', 'a')).toEqual({ known: true, allowed: false })
    expect(await access.explain('stranger', 'pull', 'a')).toEqual({ known: false, allowed: false })
    const { token } = await issue()
    expect(await access.explain(`token:${token.id}`, 'push', 'team/a')).toMatchObject({ allowed: true })
    expect(CI.name).toBe('ci')
  })
})
