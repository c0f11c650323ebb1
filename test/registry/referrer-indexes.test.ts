/** Pages of referrers as bytes: kept, and yet what the rows say at each moment, whoever changed them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Sql } from '../../src/registry/database/sql.ts'
import { isRegistryError, type OpenedRegistry } from '../../src/registry/index.ts'
import { createReferrerIndexes } from '../../src/registry/referrer-indexes.ts'
import type { ReferrerIndex, Referrers } from '../../src/registry/registry.ts'
import type { Digest } from '../../src/storage/index.ts'
import { Choices } from '../support/choices.ts'
import { DATABASES } from '../support/databases.ts'
import { openTestRegistry } from '../support/open-test-registry.ts'
import {
  ACTOR,
  descriptorOf,
  expectSound,
  imageOf,
  OCI_INDEX,
  openTestStore,
  putManifest,
  repo,
  sha256Of,
  type TestStore,
} from '../support/registry-steps.ts'

const TEAM = 'team/app'
const SUBJECT = imageOf()
const ERASURE = { actor: ACTOR, legalBasis: 'test' }
const PAGE = { limit: 100, indexBytes: 1024 * 1024 }
type PageRequest = Parameters<Referrers['index']>[2]

function referrerOf(n: number, { subject = SUBJECT, type = 'application/x' } = {}): Buffer {
  return imageOf({ subject: descriptorOf(subject), artifactType: type, annotations: { n: String(n) } })
}

function digestsIn({ bytes }: ReferrerIndex): string[] {
  const index = JSON.parse(Buffer.from(bytes).toString()) as { manifests: { digest: string }[] }
  return index.manifests.map(({ digest }) => digest)
}

const sortedDigests = (...manifests: readonly Uint8Array[]) => manifests.map(sha256Of).sort()

describe.each(DATABASES)('pages of referrers on $engine', (engine) => {
  let store: TestStore
  /** Another server on the same database. */
  let other: { readonly registry: OpenedRegistry }
  beforeEach(async () => {
    store = await openTestStore(engine)
    other = await openTestRegistry({
      folder: store.folder,
      location: store.location,
      isMigrated: true,
      dependencies: { clock: store.clock, soleServer: false },
    })
  })
  afterEach(async () => {
    await other.registry.dispose()
    await store.close()
  })

  const pageOf = (request: Partial<PageRequest> = {}, subject = SUBJECT) =>
    store.registry.referrers.index(repo(TEAM), sha256Of(subject), { ...PAGE, ...request })
  const remove = ({ registry }: { registry: OpenedRegistry }, manifest: Uint8Array) =>
    registry.manifests.remove(repo(TEAM), sha256Of(manifest), { actor: ACTOR })

  /** The registry's reader, with `told` of each statement before it is sent. */
  const through = (told: (sql: string) => Promise<void> | void): Sql => {
    const { reader } = store.database
    return {
      ...reader,
      all: async (sql, params) => {
        await told(sql)
        return reader.all(sql, params)
      },
      get: async (sql, params) => {
        await told(sql)
        return reader.get(sql, params)
      },
    }
  }

  it('of what nobody refers to are empty, also where there is no repository', async () => {
    const empty = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }
    const read = async () => JSON.parse(Buffer.from((await pageOf()).bytes).toString())
    expect(await read()).toEqual(empty)
    await putManifest(store, TEAM, SUBJECT)
    expect(await read()).toEqual(empty)
    await putManifest(store, 'team/other', referrerOf(1))
    expect(await read()).toEqual(empty)
  })

  it('are one look-up when they are asked for again, and the same bytes', async () => {
    for (const n of [1, 2, 3]) await putManifest(store, TEAM, referrerOf(n))
    let statements = 0
    const index = createReferrerIndexes(
      through(() => {
        statements += 1
      }),
    )
    const ask = () => index(repo(TEAM), sha256Of(SUBJECT), { ...PAGE, artifactTypes: ['application/x'] })
    const first = await ask()
    const before = statements
    expect([(await ask()) === first, statements - before]).toEqual([true, 1])
    expect(digestsIn(first)).toEqual(sortedDigests(referrerOf(1), referrerOf(2), referrerOf(3)))
  })

  it('are told apart by subject, types, cursor and size', async () => {
    const others = imageOf({ annotations: { other: 'subject' } })
    const made = [1, 2, 3, 4].map((n) => referrerOf(n, { type: n % 2 ? 'application/x' : 'application/y' }))
    const elsewhere = referrerOf(5, { subject: others })
    for (const manifest of [...made, elsewhere]) await putManifest(store, TEAM, manifest)
    const all = sortedDigests(...made)
    const [x, y] = [sortedDigests(made[0]!, made[2]!), sortedDigests(made[1]!, made[3]!)]
    for (const _ of ['made', 'kept']) {
      expect(digestsIn(await pageOf({}, others))).toEqual(sortedDigests(elsewhere))
      expect(digestsIn(await pageOf())).toEqual(all)
      expect(digestsIn(await pageOf({ artifactTypes: ['application/x'] }))).toEqual(x)
      expect(digestsIn(await pageOf({ artifactTypes: ['application/y'] }))).toEqual(y)
      expect(digestsIn(await pageOf({ artifactTypes: ['application/y', 'application/x'] }))).toEqual(all)
      expect(digestsIn(await pageOf({ after: all[1]! }))).toEqual(all.slice(2))
      expect(digestsIn(await pageOf({ limit: 3 }))).toEqual(all.slice(0, 3))
      expect((await pageOf({ limit: 3 })).next).toBe(all[2])
      expect((await pageOf({ limit: 4 })).next).toBeUndefined()
      expect(digestsIn(await pageOf({ limit: 1, artifactTypes: ['application/y'] }))).toEqual(y.slice(0, 1))
    }
  })

  it('are shorter where descriptors are large, and never without one', async () => {
    const big = (n: number) =>
      imageOf({ subject: descriptorOf(SUBJECT), annotations: { n: String(n), é: 'é'.repeat(5_000) } })
    for (const n of [1, 2, 3]) await putManifest(store, TEAM, big(n))
    const all = sortedDigests(big(1), big(2), big(3))
    const whole = (await pageOf()).bytes.length
    expect(whole).toBeGreaterThan(30_000)
    const fits = await pageOf({ indexBytes: whole })
    expect([digestsIn(fits), fits.next]).toEqual([all, undefined])
    const two = await pageOf({ indexBytes: whole - 1 })
    expect([digestsIn(two), two.next]).toEqual([all.slice(0, 2), all[1]])
    const one = await pageOf({ indexBytes: 10 })
    expect([digestsIn(one), one.next]).toEqual([all.slice(0, 1), all[0]])
  })

  it('show what another server put, deleted and restored as soon as it has said so', async () => {
    const [one, two] = [referrerOf(1), referrerOf(2)]
    await putManifest(store, TEAM, one)
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(one))
    await putManifest(other, TEAM, two)
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(one, two))
    await remove(other, one)
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(two))
    await putManifest(other, TEAM, one)
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(one, two))
    await remove(store, one)
    await remove(other, two)
    expect(digestsIn(await pageOf())).toEqual([])
    await expectSound(store)
  })

  it('lose what was erased, be it the last that came or not, and a replay changes nothing', async () => {
    const made = [1, 2, 3].map((n) => referrerOf(n))
    const ids: string[] = []
    for (const manifest of made) ids.push((await putManifest(store, TEAM, manifest)).packageId)
    expect(digestsIn(await pageOf())).toHaveLength(3)
    await other.registry.erase(ids[0]!, ERASURE)
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(made[1]!, made[2]!))
    await other.registry.erase(ids[2]!, ERASURE)
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(made[1]!))
    await expectSound(store)
    expect((await store.registry.replay()).changedRows).toBe(0)
    await other.registry.erase(ids[1]!, ERASURE)
    expect(digestsIn(await pageOf())).toEqual([])
    await expectSound(store)
  })

  it('that were made of damaged rows are made anew once a replay has mended them', async () => {
    const made = [referrerOf(1), referrerOf(2)]
    for (const manifest of made) await putManifest(store, TEAM, manifest)
    const lost = sha256Of(made[0]!)
    await store.tamper((sql) => Promise.resolve(sql.run('DELETE FROM referrers WHERE digest = ?', [lost])))
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(made[1]!))
    await other.registry.replay()
    expect(digestsIn(await pageOf())).toEqual(sortedDigests(...made))
  })

  it('of one log are none of another that has the same sequences', async () => {
    await putManifest(store, TEAM, referrerOf(1))
    await pageOf()
    await store.tamper(async (sql) => {
      await sql.run("UPDATE log_head SET epoch = 'another'")
      await sql.run("UPDATE referrers SET descriptor = replace(descriptor, 'application/x', 'application/y')")
    })
    expect(Buffer.from((await pageOf()).bytes).toString()).toContain('application/y')
  })

  it('that a change overtakes while they are read are not shown after it', async () => {
    const [one, two] = [referrerOf(1), referrerOf(2)]
    await putManifest(store, TEAM, one)
    for (const statement of [1, 2, 3]) {
      let left = statement
      const index = createReferrerIndexes(
        through(async () => {
          left -= 1
          if (left === 0) await putManifest(other, TEAM, two)
        }),
      )
      const ask = async () => digestsIn(await index(repo(TEAM), sha256Of(SUBJECT), PAGE))
      await ask()
      expect([statement, await ask()]).toEqual([statement, sortedDigests(one, two)])
      await remove(other, two)
      expect([statement, await ask()]).toEqual([statement, sortedDigests(one)])
    }
  })

  it('are kept within a bound of bytes', async () => {
    for (const n of [1, 2, 3]) await putManifest(store, TEAM, referrerOf(n))
    let rowsRead = 0
    const counting = through((sql) => {
      if (sql.includes('descriptor')) rowsRead += 1
    })
    const roomy = createReferrerIndexes(counting)
    const tight = createReferrerIndexes(counting, 3_000)
    const reads = async (index: Referrers['index']) => {
      rowsRead = 0
      // Each cursor is a page of its own; none of these changes what is in it.
      for (const after of ['', '0', '1', '2', '3', '', '0', '1', '2', '3']) {
        await index(repo(TEAM), sha256Of(SUBJECT), { ...PAGE, after })
      }
      return rowsRead
    }
    expect([await reads(roomy), await reads(roomy), await reads(tight), await reads(tight)]).toEqual([5, 0, 10, 10])
  })

  it.each([1, 2])('are what the rows say, through a random history of two servers (seed %i)', async (seed) => {
    const choose = new Choices(seed)
    const subjects = [SUBJECT, imageOf({ annotations: { other: 'subject' } })]
    const types = ['application/x', 'application/y']
    const put: { bytes: Buffer; packageId: string }[] = []
    const tolerant = async (work: Promise<unknown>): Promise<boolean> => {
      try {
        await work
        return true
      } catch (error) {
        if (!isRegistryError(error)) throw error
        return false
      }
    }
    const steps: Readonly<Record<string, () => Promise<boolean>>> = {
      async put() {
        const options = { subject: choose.of(subjects), type: choose.of(types) }
        const bytes = referrerOf(choose.below(12), options)
        const { packageId } = await putManifest(choose.of([store, other]), TEAM, bytes)
        put.push({ bytes, packageId })
        return true
      },
      putOther: () => tolerant(putManifest(store, TEAM, imageOf({ annotations: { n: String(choose.below(99)) } }))),
      remove: async () => put.length > 0 && tolerant(remove(choose.of([store, other]), choose.of(put).bytes)),
      erase: async () =>
        put.length > 0 && tolerant(choose.of([store, other]).registry.erase(choose.of(put).packageId, ERASURE)),
      replay: async () => choose.chance(20) && tolerant(choose.of([store, other]).registry.replay()),
      wait: async () => store.clock.advance(choose.of([1, 8 * 86_400])) === undefined,
    }
    const done = new Map<string, number>()
    for (let n = 0; n < 120; n += 1) {
      const name = choose.of([...Object.keys(steps), 'put', 'remove'])
      if (await steps[name]!()) done.set(name, (done.get(name) ?? 0) + 1)
      const request = { limit: choose.of([1, 3, 100]), artifactTypes: choose.of([[], [types[0]!], types]) }
      const after = choose.of(['', 'sha256:8'])
      for (const subject of subjects.map(sha256Of)) {
        for (const { registry } of [store, other]) await expectSame(registry, subject, { ...request, after })
      }
    }
    for (const name of ['put', 'remove', 'erase', 'replay']) expect([name, done.get(name) ?? 0]).not.toEqual([name, 0])
    await expectSound(store)
  })

  async function expectSame(
    registry: OpenedRegistry,
    subject: Digest,
    request: { limit: number; artifactTypes: string[]; after: string },
  ): Promise<void> {
    const { referrers, next } = await registry.referrers.list(repo(TEAM), subject, request)
    const index = await registry.referrers.index(repo(TEAM), subject, { ...PAGE, ...request })
    const { manifests } = JSON.parse(Buffer.from(index.bytes).toString()) as { manifests: unknown }
    expect({ manifests, next: index.next }).toEqual({ manifests: referrers, next })
  }
})
