/** How long packages stay: later ends, stronger classes, holds, the sweep, and what all that means for a deletion. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RetentionState } from '../../../src/registry/index.ts'
import { parseRepositoryPattern, type RepositoryPattern } from '../../../src/registry/index.ts'
import { USER_MANAGED } from '../../../src/registry/retention/classes.ts'
import { Choices } from '../../support/choices.ts'
import { DATABASES } from '../../support/databases.ts'
import { codeOf, refusalOf } from '../../support/refusals.ts'
import {
  ACTOR,
  createDraft,
  descriptorOf,
  expectSound,
  finalizedPackage,
  imageOf,
  openTestStore,
  putManifest,
  repo,
  sha256Of,
  type TestStore,
} from '../../support/registry-steps.ts'

const DAY = 86_400
const REASON = 'audit 2026-14'
const FILES = { 'a.txt': Buffer.from('x') }

describe.each(DATABASES)('retention on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine, { releaseByOther: false })
  })
  afterEach(async () => {
    await expectSound(store)
    await store.close()
  })

  const kept = (retentionClass: string) => finalizedPackage(store, FILES, { retentionClass })
  const retention = () => store.registry.retention
  const remove = (id: string) => store.registry.packages.remove(id, { reason: REASON, actor: ACTOR })
  const hold = (id: string, caseReference?: string) =>
    retention().applyHold(id, { reason: REASON, actor: ACTOR, ...(caseReference && { caseReference }) })
  const release = (id: string, holdId: string, actor = ACTOR) =>
    retention().releaseHold(id, holdId, { reason: 'settled', actor })
  const later = (state: { expiresAt: string | null }, seconds: number) =>
    new Date(Date.parse(state.expiresAt!) + seconds * 1_000).toISOString()
  /** What a sweep does on a server that has seen the clock all along. */
  const sweep = async (dryRun = false) => {
    await store.registry.confirmClock()
    return retention().sweep({ dryRun })
  }

  it('is extended to a later end only, with a reason, and says so everywhere', async () => {
    const found = await kept('transient')
    const expiresAt = later(found, DAY)
    const state = await retention().extend(found.id, { expiresAt, reason: REASON, actor: ACTOR })
    expect(state).toMatchObject({ expiresAt, isEligible: false, holds: [], keptBy: [] })
    expect((await store.registry.packages.get(found.id)).expiresAt).toBe(expiresAt)
    const again = await refusalOf(retention().extend(found.id, { expiresAt, reason: REASON, actor: ACTOR }))
    expect(again).toMatchObject({ code: 'expiry-not-later', detail: { expires_at: expiresAt } })
    const past = new Date(store.clock()).toISOString()
    for (const [request, code] of [
      [{ expiresAt: past, reason: REASON }, 'expiry-not-later'],
      [{ expiresAt: 'tomorrow', reason: REASON }, 'field-invalid'],
      [{ expiresAt: later(state, 1), reason: ' ' }, 'field-invalid'],
      [{ expiresAt: later(state, 1), reason: 'x'.repeat(2_001) }, 'field-invalid'],
    ] as const) {
      expect(await codeOf(retention().extend(found.id, { ...request, actor: ACTOR }))).toBe(code)
    }
    expect(await codeOf(retention().extend('nowhere', { expiresAt, reason: REASON, actor: ACTOR }))).toBe(
      'package-unknown',
    )
  })

  it('has nothing to extend where there is no expiry', async () => {
    for (const retentionClass of ['permanent-record', USER_MANAGED]) {
      const { id } = await kept(retentionClass)
      const request = { expiresAt: '2099-01-01T00:00:00Z', reason: REASON, actor: ACTOR }
      expect(await codeOf(retention().extend(id, request))).toBe('expiry-not-later')
    }
  })

  it('goes up from class to class and never down', async () => {
    const { id, createdAt } = await kept(USER_MANAGED)
    const raise = (retentionClass: string) => retention().raise(id, { retentionClass, reason: REASON, actor: ACTOR })
    store.clock.advance(100)
    const raw = await raise('raw-evidence')
    // It had no expiry, so the new one counts from now.
    expect(raw.expiresAt).toBe(new Date(store.clock() + 7_776_000_000).toISOString())
    expect(await codeOf(raise('transient'))).toBe('class-not-stronger')
    expect(await codeOf(raise('raw-evidence'))).toBe('class-not-stronger')
    expect(await codeOf(raise('nonsense'))).toBe('retention-class-unknown')
    const release = await raise('release-evidence')
    expect(release.expiresAt).toBe(new Date(Date.parse(createdAt) + 220_752_000_000).toISOString())
    expect(await raise('permanent-record')).toMatchObject({ expiresAt: null, retentionClass: 'permanent-record' })
    expect(await codeOf(raise('release-evidence'))).toBe('class-not-stronger')
    expect((await store.registry.packages.get(id)).retentionClass).toBe('permanent-record')
  })

  it('never ends earlier for a stronger class', async () => {
    const found = await kept('transient')
    const expiresAt = later(found, 20 * 365 * DAY)
    await retention().extend(found.id, { expiresAt, reason: REASON, actor: ACTOR })
    const raised = await retention().raise(found.id, { retentionClass: 'raw-evidence', reason: REASON, actor: ACTOR })
    expect(raised).toMatchObject({ expiresAt, retentionClass: 'raw-evidence' })
  })

  it('holds stand side by side, also on what never expires, and each is released once', async () => {
    const { id } = await kept('permanent-record')
    const first = await hold(id, 'C-17')
    const second = await hold(id)
    expect(first).toMatchObject({ packageId: id, caseReference: 'C-17', appliedBy: ACTOR, released: null })
    const released = await release(id, first.id, 'bob')
    expect(released.released).toMatchObject({ by: 'bob', reason: 'settled' })
    expect(await codeOf(release(id, first.id))).toBe('hold-released')
    expect(await codeOf(release(id, 'nothing'))).toBe('hold-unknown')
    const other = await kept('transient')
    expect(await codeOf(release(other.id, second.id))).toBe('hold-unknown')
    const { holds } = await retention().state(id)
    expect(holds.map((one) => one.id)).toEqual([second.id, first.id])
    expect(await codeOf(retention().applyHold(id, { reason: '', actor: ACTOR }))).toBe('field-invalid')
  })

  it('a hold is released by somebody else where that is the rule', async () => {
    await store.restart({ releaseByOther: true })
    const { id } = await kept('transient')
    const { id: holdId } = await hold(id)
    expect(await codeOf(release(id, holdId))).toBe('denied')
    expect((await release(id, holdId, 'bob')).released).toMatchObject({ by: 'bob' })
  })

  it('a deletion is refused by class, then by holds, and granted when neither is left', async () => {
    const found = await kept('transient')
    const refusal = await refusalOf(remove(found.id))
    expect(refusal).toMatchObject({
      code: 'retained',
      detail: { package_id: found.id, retention_class: 'transient', expires_at: found.expiresAt, holds: [] },
    })
    const { id: holdId } = await hold(found.id)
    store.clock.advance(2 * DAY)
    expect(await sweep()).toMatchObject({ eligible: 0, held: 1 })
    expect((await refusalOf(remove(found.id))).detail).toMatchObject({ holds: [holdId] })
    await release(found.id, holdId)
    // Its time is over, and yet nothing goes before a sweep has said so.
    expect(await codeOf(remove(found.id))).toBe('retained')
    expect(await sweep(true)).toMatchObject({ dryRun: true, eligible: 1, packages: [found.id] })
    expect((await retention().state(found.id)).isEligible).toBe(false)
    expect(await sweep()).toMatchObject({ eligible: 1, packages: [found.id] })
    expect((await retention().state(found.id)).isEligible).toBe(true)
    expect(await sweep()).toMatchObject({ eligible: 0 })
    await remove(found.id)
    expect((await store.registry.packages.get(found.id)).status).toBe('deleted')
    expect(await codeOf(remove(found.id))).toBe('package-unknown')
    const { digest, repository } = found.oci!
    expect(await codeOf(store.registry.manifests.get(repository, { digest }))).toBe('manifest-unknown')
  })

  it('an extension takes eligibility back, and so does a stronger class', async () => {
    for (const change of ['extend', 'raise'] as const) {
      const found = await kept('transient')
      store.clock.advance(2 * DAY)
      await sweep()
      const request = { reason: REASON, actor: ACTOR }
      const expiresAt = new Date(store.clock() + DAY * 1_000).toISOString()
      if (change === 'extend') await retention().extend(found.id, { ...request, expiresAt })
      else await retention().raise(found.id, { ...request, retentionClass: 'raw-evidence' })
      expect((await retention().state(found.id)).isEligible).toBe(false)
      expect(await codeOf(remove(found.id))).toBe('retained')
    }
  })

  it('what refers to a held image, and what an index lists, is kept with it', async () => {
    const child = imageOf()
    await putManifest(store, 'team/app', child)
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [descriptorOf(child)] }))
    const { packageId: indexId } = await putManifest(store, 'team/app', index)
    const { id: holdId } = await hold(indexId)
    const digest = sha256Of(child)
    const refused = await refusalOf(store.registry.manifests.remove(repo('team/app'), digest, { actor: ACTOR }))
    expect(refused).toMatchObject({ code: 'retained', detail: { package_id: indexId, holds: [holdId] } })
    await release(indexId, holdId)
    await store.registry.manifests.remove(repo('team/app'), digest, { actor: ACTOR })
  })

  it('a blob of a held package is not deleted from its repository, though the class would let it go', async () => {
    const found = await kept(USER_MANAGED)
    const { id: holdId } = await hold(found.id)
    const blob = { repository: found.repository, digest: sha256Of(Buffer.from('x')) }
    const remove = () => store.registry.blobs.remove(blob.repository, blob.digest, { actor: ACTOR })
    expect(await refusalOf(remove())).toMatchObject({ code: 'retained', detail: { holds: [holdId] } })
    await release(found.id, holdId)
    await remove()
  })

  it('a draft is discarded, unless it is held; an idle one goes by itself', async () => {
    const draft = await createDraft(store, { retentionClass: 'permanent-record' })
    const { id: holdId } = await hold(draft.id)
    expect(await codeOf(remove(draft.id))).toBe('retained')
    await release(draft.id, holdId)
    await remove(draft.id)
    expect((await store.registry.packages.get(draft.id)).status).toBe('deleted')
    const [idle, busy, held] = [await createDraft(store), await createDraft(store), await createDraft(store)]
    await hold(held.id)
    store.clock.advance(6 * DAY)
    await release(busy.id, (await hold(busy.id)).id)
    store.clock.advance(2 * DAY)
    await store.registry.confirmClock()
    expect(await store.registry.sweepUploads()).toMatchObject({ discarded: 1 })
    const statuses = await Promise.all([idle, busy, held].map(({ id }) => store.registry.packages.get(id)))
    expect(statuses.map(({ status }) => status)).toEqual(['deleted', 'created', 'created'])
  })

  it('nothing ends by a clock that jumped, until somebody has looked at it', async () => {
    const found = await kept('transient')
    store.clock.advance(3 * DAY)
    const refusal = await refusalOf(retention().sweep())
    expect(refusal.code).toBe('clock-doubted')
    expect(refusal.message).toContain('confirm-clock')
    expect(await store.registry.sweepUploads()).toMatchObject({ discarded: 0 })
    await store.registry.confirmClock()
    expect(await retention().sweep()).toMatchObject({ eligible: 1, packages: [found.id] })
    // A server that looks now and then stays believed, also when nobody pushes.
    for (let n = 0; n < 4; n += 1) {
      store.clock.advance(DAY / 2)
      await store.registry.sweepUploads()
    }
    expect(await retention().sweep()).toMatchObject({ eligible: 0 })
  })

  it('the history tells who, when and why, a page at a time, and survives an erasure without its words', async () => {
    const found = await kept('transient')
    const { id: holdId } = await hold(found.id, 'C-17')
    await release(found.id, holdId, 'bob')
    store.clock.advance(2 * DAY)
    await sweep()
    const read = async (limit: number) => {
      const changes = []
      let cursor: string | undefined
      do {
        const page = await retention().history(found.id, { limit, ...(cursor && { cursor }) })
        changes.push(...page.items)
        cursor = page.next
      } while (cursor)
      return changes
    }
    const whole = await read(100)
    expect(await read(1)).toEqual(whole)
    expect(whole.map(({ type, actor }) => [type.replace('v1.retention.', ''), actor])).toEqual([
      ['default_applied', ACTOR],
      ['hold_applied', ACTOR],
      ['hold_released', 'bob'],
      ['deletion_eligible', 'job:retention-sweep'],
    ])
    expect(whole[1]).toMatchObject({ reason: REASON, holdId, caseReference: 'C-17' })
    await store.registry.erase(found.id, { actor: ACTOR, legalBasis: 'GDPR Art. 17' })
    const erased = await read(100)
    expect(erased).toHaveLength(4)
    expect(JSON.stringify(erased)).not.toContain(REASON)
    expect(await codeOf(retention().state(found.id))).toBe('package-unknown')
  })

  it('an erasure is refused under a hold, however old the package is', async () => {
    const found = await kept('transient')
    const { id: holdId } = await hold(found.id)
    store.clock.advance(10 * DAY)
    const erase = () => store.registry.erase(found.id, { actor: ACTOR, legalBasis: 'GDPR Art. 17' })
    expect(await codeOf(erase())).toBe('retained')
    await release(found.id, holdId)
    await erase()
  })

  it('holds, releases, sweeps and deletions at once end in one order: nothing held was deleted', async () => {
    const choices = new Choices(20_261_126)
    const packages = await Promise.all(Array.from({ length: 6 }, () => kept('transient')))
    store.clock.advance(2 * DAY)
    await store.registry.confirmClock()
    const holds = new Map<string, string[]>(packages.map(({ id }) => [id, []]))
    for (let round = 0; round < 60; round += 1) {
      await Promise.allSettled(
        Array.from({ length: 5 }, async () => {
          const { id } = choices.of(packages)
          const deed = choices.below(100)
          if (deed < 25) holds.get(id)!.push((await hold(id)).id)
          else if (deed < 65) await release(id, holds.get(id)!.pop() ?? 'none')
          else if (deed < 90) await retention().sweep()
          else await remove(id)
        }),
      )
    }
    const events = await store.database.reader.all<{ event_type: string; subject_id: string }>(
      "SELECT event_type, subject_id FROM events WHERE event_type LIKE 'v1.retention.hold%' OR event_type IN ('v1.package.deleted', 'v1.retention.deletion_eligible') ORDER BY sequence",
    )
    const standing = new Map<string, number>()
    for (const { event_type: type, subject_id: id } of events) {
      const now = standing.get(id) ?? 0
      if (type === 'v1.retention.hold_applied') standing.set(id, now + 1)
      else if (type === 'v1.retention.hold_released') standing.set(id, now - 1)
      else expect(now, `${type} of ${id}`).toBe(0)
    }
    expect(events.some(({ event_type: type }) => type === 'v1.package.deleted')).toBe(true)
  })
})

describe.each(DATABASES)('classes of a configuration on $engine', (engine) => {
  const pattern = (text: string) => parseRepositoryPattern(text) as RepositoryPattern

  it('change durations for what comes later, add classes, and give repositories theirs', async () => {
    const store = await openTestStore(engine)
    const before = await finalizedPackage(store, FILES, { retentionClass: 'transient' })
    await store.restart({
      retentionClasses: [
        { name: 'transient', durationSeconds: 10 * DAY },
        { name: 'contract', durationSeconds: 100 * DAY },
      ],
      repositoryClasses: [{ repositories: [pattern('releases/**')], retentionClass: 'contract' }],
    })
    const { registry } = store
    expect(registry.retention.classes().map(({ name }) => name)).toEqual([
      USER_MANAGED,
      'transient',
      'raw-evidence',
      'contract',
      'summary-evidence',
      'release-evidence',
      'permanent-record',
    ])
    const after = await finalizedPackage(store, FILES, { name: 'other', retentionClass: 'transient' })
    const days = ({ expiresAt, createdAt }: { expiresAt: string | null; createdAt: string }) =>
      (Date.parse(expiresAt!) - Date.parse(createdAt)) / 1_000 / DAY
    expect([days(before), days(after)]).toEqual([1, 10])
    const state = async (repository: string): Promise<RetentionState> => {
      const { packageId } = await putManifest(store, repository, imageOf())
      return registry.retention.state(packageId)
    }
    expect(await state('releases/app')).toMatchObject({ retentionClass: 'contract' })
    expect(await state('team/app')).toMatchObject({ retentionClass: USER_MANAGED, expiresAt: null })
    await expectSound(store)
    await store.close()
  })
})
