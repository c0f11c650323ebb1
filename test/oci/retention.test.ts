/** Retention as `/v2/` shows it: what is kept is DENIED with the reason, and the annotation and rules choose the class. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  parseReference,
  parseRepositoryName,
  parseRepositoryPattern,
  type RepositoryPattern,
} from '../../src/registry/index.ts'
import { testClock } from '../support/clock.ts'
import { type Door, imageManifest, openDoor } from './oci-fixture.ts'

const DAY = 86_400
const CLASS = 'vnd.artifactstore.retention-class'
const clock = testClock(new Date().toISOString())
let door: Door
beforeAll(async () => {
  door = await openDoor({
    dependencies: {
      clock,
      repositoryClasses: [
        { repositories: [parseRepositoryPattern('releases/**') as RepositoryPattern], retentionClass: 'transient' },
      ],
    },
  })
})
afterAll(() => door[Symbol.asyncDispose]())

async function push(repository: string, manifest: object = imageManifest()): Promise<{ digest: string; id: string }> {
  for (const bytes of ['{}', 'a secret']) await door.putBlob(repository, bytes)
  const digest = await door.putManifest(repository, manifest, 'v1')
  const found = await door.registry.manifests.get(parseRepositoryName(repository), parseReference(digest))
  return { digest, id: found.packageId }
}

test('an annotated image is refused with its class and date, outlives its time under a hold, and goes when nothing keeps it', async () => {
  const annotated = { ...imageManifest(), annotations: { [CLASS]: 'release-evidence' } }
  const { digest, id } = await push('team/app', annotated)
  const remove = () => door.send('DELETE', `/v2/team/app/manifests/${digest}`)
  const { expiresAt } = await door.registry.retention.state(id)
  const refused = await remove()
  expect([refused.status, refused.code]).toEqual([403, 'DENIED'])
  expect(refused.bytes.toString()).toContain(`kept as 'release-evidence' until ${expiresAt}`)
  const { id: holdId } = await door.registry.retention.applyHold(id, { reason: 'litigation', actor: 'ci' })
  clock.advance(2_556 * DAY)
  await door.registry.confirmClock()
  expect(await door.registry.retention.sweep()).toMatchObject({ eligible: 0, held: 1 })
  const held = await remove()
  expect([held.status, held.code]).toEqual([403, 'DENIED'])
  expect(held.bytes.toString()).toContain(`under the hold ${holdId}`)
  await door.registry.retention.releaseHold(id, holdId, { reason: 'settled', actor: 'ci' })
  expect((await remove()).status).toBe(403)
  expect(await door.registry.retention.sweep()).toMatchObject({ eligible: 1, packages: [id] })
  expect((await remove()).status).toBe(202)
  expect((await door.send('GET', `/v2/team/app/manifests/${digest}`)).status).toBe(404)
})

test('a tag may move off a kept image, which stays by its digest', async () => {
  const first = await push('releases/app')
  expect(await door.registry.retention.state(first.id)).toMatchObject({ retentionClass: 'transient' })
  const second = await push('releases/app', { ...imageManifest(), annotations: { n: '2' } })
  expect(second.digest).not.toBe(first.digest)
  expect((await door.send('GET', `/v2/releases/app/manifests/${first.digest}`)).status).toBe(200)
  expect((await door.send('DELETE', `/v2/releases/app/manifests/${first.digest}`)).code).toBe('DENIED')
})

test('a class that nobody defined is refused with those that there are', async () => {
  await door.putBlob('team/app', '{}')
  const body = JSON.stringify({ ...imageManifest(), annotations: { [CLASS]: 'for-ever' } })
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
  const answer = await door.send('PUT', '/v2/team/app/manifests/v9', { body, headers })
  expect([answer.status, answer.code]).toEqual([400, 'MANIFEST_INVALID'])
  expect(answer.bytes.toString()).toContain('permanent-record')
})
