/** Opening and closing: what must be there before, and that closing loses nothing and may be repeated. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DATABASES } from '../support/databases.ts'
import { codeOf } from '../support/refusals.ts'
import {
  ACTOR,
  createDraft,
  expectSound,
  finalizedPackage,
  openTestStore,
  type TestStore,
} from '../support/registry-steps.ts'

describe.each(DATABASES)('a registry on $engine', (engine) => {
  let store: TestStore
  beforeEach(async () => {
    store = await openTestStore(engine)
  })
  afterEach(() => store.close())

  it('that is closed finishes what is under way, takes nothing more, and may be closed again', async () => {
    const { registry } = store
    const running = Promise.all([createDraft(store), createDraft(store, { name: 'other' })])
    const closing = registry.dispose()
    const made = await running.catch((error) => error)
    await closing
    await registry.dispose()
    const late = { name: 'n', producer: 'p', subject: 's', retentionClass: 'transient', actor: ACTOR }
    expect(await codeOf(registry.packages.create(late))).toBe('unavailable')
    await store.restart()
    if (Array.isArray(made)) for (const { id } of made) expect((await store.registry.packages.get(id)).id).toBe(id)
    await expectSound(store)
  })

  it('says how it is', async () => {
    expect(await store.registry.health()).toMatchObject({
      healthy: true,
      database: { kind: engine.engine, healthy: true },
      backend: { id: 'local', healthy: true },
      failedLocations: 0,
    })
  })

  it('is the same after a restart', async () => {
    const done = await finalizedPackage(store)
    await store.restart()
    expect(await store.registry.packages.get(done.id)).toEqual(done)
    const again = await finalizedPackage(store)
    expect(again.id).not.toBe(done.id)
    await expectSound(store)
  })
})
