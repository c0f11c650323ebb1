/** Every route is exercised once here, so that a new row of the table without a test and a schema fails by name. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorsOf, openApiDocument, openApiPath, PROBLEMS, ROUTES } from '../../src/native-api/index.ts'
import { type FileJson, type HoldJson, type PackageJson, paths, type UploadJson } from '../../src/native-api/wire.ts'
import { type Answer, type Door, formOf, NEW_PACKAGE, openDoor, type RequestOptions } from './native-fixture.ts'

interface World {
  readonly issued: string
  readonly door: Door
  readonly draft: PackageJson
  readonly closed: PackageJson
  readonly doomed: PackageJson
  /** On the draft. */
  readonly hold: HoldJson
  readonly file: FileJson
  readonly upload: UploadJson
}
type Success = (world: World) => readonly [method: string, path: string, options?: RequestOptions, status?: number]

/** By operationId: a request that succeeds, and the status that it answers with where that is not 200. */
const SUCCESSES: Readonly<Record<string, Success>> = {
  getBanner: () => ['GET', paths.banner],
  getHealth: () => ['GET', paths.health],
  getDocs: () => ['GET', paths.docs],
  getOpenApi: () => ['GET', paths.openapi],
  createPackage: () => ['POST', paths.packages, { json: NEW_PACKAGE }, 201],
  listPackages: () => ['GET', paths.packages],
  getPackage: ({ closed }) => ['GET', paths.package(closed.id)],
  listFiles: ({ closed }) => ['GET', paths.packageFiles(closed.id)],
  addFile: ({ draft }) => ['POST', paths.packageFiles(draft.id), { body: formOf({ relative_path: 'x' }, 'x') }, 201],
  finalizePackage: ({ draft }) => ['POST', paths.finalize(draft.id)],
  getManifest: ({ closed }) => ['GET', paths.manifest(closed.id)],
  getManifestJson: ({ closed }) => ['GET', paths.manifestJson(closed.id)],
  getOciManifest: ({ closed }) => ['GET', paths.ociManifest(closed.id)],
  listReferrers: ({ closed }) => ['GET', paths.referrers(closed.id)],
  putPackageTag: ({ closed }) => ['PUT', paths.packageTag(closed.id, 'v1')],
  deletePackageTag: ({ closed }) => ['DELETE', paths.packageTag(closed.id, 'v1'), {}, 204],
  deletePackage: ({ doomed }) => ['DELETE', `${paths.package(doomed.id)}?reason=test`, {}, 204],
  getRetention: ({ closed }) => ['GET', paths.retention(closed.id)],
  readRetentionHistory: ({ closed }) => ['GET', paths.retentionHistory(closed.id)],
  extendRetention: ({ closed }) => [
    'POST',
    paths.retentionExtensions(closed.id),
    { json: { new_expires_at: '2099-01-01T00:00:00Z', reason: 'test' } },
  ],
  raiseRetentionClass: ({ closed }) => [
    'PUT',
    paths.packageClass(closed.id),
    { json: { retention_class: 'permanent-record', reason: 'test' } },
  ],
  applyHold: ({ closed }) => ['POST', paths.holds(closed.id), { json: { reason: 'test', case: 'C-17' } }, 201],
  releaseHold: ({ draft, hold }) => ['POST', paths.holdRelease(draft.id, hold.hold_id), { json: { reason: 'test' } }],
  sweepRetention: () => ['POST', paths.retentionSweeps, { json: { dry_run: true } }],
  confirmClock: () => ['POST', paths.clockConfirmation],
  listHolds: () => ['GET', `${paths.allHolds}?case=C-17&standing=true`],
  listRetentionClasses: () => ['GET', paths.retentionClasses],
  getFile: ({ file }) => ['GET', paths.file(file.id)],
  downloadFile: ({ file }) => ['GET', paths.fileDownload(file.id)],
  beginUpload: () => ['POST', paths.uploads, { json: {} }, 202],
  getUpload: ({ upload }) => ['GET', paths.upload(upload.id)],
  appendToUpload: ({ upload }) => ['PATCH', paths.upload(upload.id), { body: 'x' }],
  completeUpload: ({ draft, upload }) => [
    'POST',
    paths.completeUpload(upload.id),
    { json: { package_id: draft.id, relative_path: 'up' } },
    201,
  ],
  cancelUpload: ({ upload }) => ['DELETE', paths.upload(upload.id), {}, 204],
  createToken: () => ['POST', paths.tokens, { json: { scopes: ['repository:team/**:pull'], note: 'test' } }, 201],
  listTokens: () => ['GET', paths.tokens],
  revokeToken: ({ issued }) => ['DELETE', paths.token(issued)],
  rotateTokenKey: () => ['POST', paths.tokenKeys, {}, 201],
  explainAccess: () => ['GET', `${paths.accessExplanation}?identity=ci&action=push&repository=team/app`],
  readEvents: () => ['GET', paths.events, { headers: { accept: 'application/json' } }],
}

let world: World
beforeAll(async () => {
  const door = await openDoor()
  const draft = await door.newPackage({ name: 'draft' })
  await door.addFile(draft.id, 'a.txt', 'a')
  const closed = await door.finalized({ 'a.txt': 'a' })
  const file = await door.addFile(draft.id, 'b.txt', 'b')
  const { json } = await door.send('POST', paths.tokens, { json: { scopes: ['repository:a:pull'], note: 'test' } })
  const { id: issued } = json as { id: string }
  const doomed = await door.newPackage({ name: 'doomed' })
  const held = await door.send('POST', paths.holds(draft.id), { json: { reason: 'test' } })
  const hold = held.json as HoldJson
  world = { door, draft, closed, doomed, hold, file, issued, upload: await door.newUpload() }
})
afterAll(async () => {
  await world.door[Symbol.asyncDispose]()
})

const document = openApiDocument(ROUTES, '1.2.3-test')
const operationIds = ROUTES.map(({ operation }) => operation.id)

describe('every route', () => {
  it('has a test here, a name of its own, and its place in the document', () => {
    expect(Object.keys(SUCCESSES).sort()).toEqual([...operationIds].sort())
    expect(new Set(operationIds).size).toBe(operationIds.length)
    const described = Object.values(document.paths).flatMap((item) => Object.values(item))
    expect(described.map(({ operationId }) => operationId).sort()).toEqual([...operationIds].sort())
  })

  it('is named by a path of wire.ts and by no other', () => {
    const known = Object.values(paths).map((path) =>
      typeof path === 'string' ? path : decodeURIComponent((path as (...ids: string[]) => string)('{}', '{}')),
    )
    const routes = ROUTES.map(({ path }) => openApiPath(path).replace(/\{\w+\}/g, '{}'))
    // The metrics are not part of this API, but clients may want to know where they are.
    expect([...new Set([...routes, '/metrics'])].sort()).toEqual([...new Set(known)].sort())
  })

  // Finalizing and giving up end what others use, so they come last.
  const last = ['completeUpload', 'finalizePackage', 'cancelUpload']
  const ordered = [...operationIds.filter((id) => !last.includes(id)), ...last]
  it.each(ordered)('%s answers as the document says', async (id) => {
    const current = id === 'cancelUpload' ? { ...world, upload: await world.door.newUpload() } : world
    const [method, path, options, status = 200] = SUCCESSES[id]!(current)
    expect((await world.door.send(method, path, options)).status).toBe(status)
  })

  it.each(ROUTES.map((route) => [route.operation.id, route] as const))(
    '%s refuses only with codes that have a status',
    (_id, route) => {
      const item = document.paths[openApiPath(route.path)]![route.method]!
      for (const code of errorsOf(route)) {
        expect(item.responses[PROBLEMS[code].status]?.description, code).toContain(`\`${code}\``)
      }
    },
  )
})

describe('without a token', () => {
  const open = ['/', '/health', '/docs', '/openapi.json']

  it('only the four open routes answer, and they name no package, repository or path', async () => {
    const { door, draft, closed } = world
    for (const route of ROUTES) {
      const path = concrete(route.path, closed.id)
      const answer = await door.send(route.method.toUpperCase(), path, { token: null })
      expect(answer.status === 401, `${route.method} ${path}: ${answer.status}`).toBe(!open.includes(route.path))
      if (answer.status === 401) expectNothingNamed(answer)
      for (const name of [draft.id, closed.repository, 'a.txt'])
        expect(answer.bytes.toString()).not.toContain(`"${name}`)
    }
    expect(ROUTES.filter(({ access }) => access === 'open').map(({ path }) => path)).toEqual(open)
  })

  it('a wrong token is refused as none is, whether or not what it asks for exists', async () => {
    const { door, closed } = world
    for (const token of ['wrong', null]) {
      const there = await door.refusal('GET', paths.package(closed.id), { token })
      const nowhere = await door.refusal('GET', paths.package('nobody'), { token })
      expect(there).toMatchObject({ code: 'unauthenticated', status: 401 })
      expect({ ...there, request_id: '', instance: '' }).toEqual({ ...nowhere, request_id: '', instance: '' })
    }
  })

  it('reads are open where that is configured, and writes and uploads are not', async () => {
    await using door = await openDoor({ access: { anonymousRead: true } })
    for (const route of ROUTES) {
      const answer = await door.send(route.method.toUpperCase(), concrete(route.path, 'x'), {
        token: null,
        ...(route.operation.id === 'readEvents' ? { headers: { accept: 'application/json' } } : {}),
      })
      expect(answer.status === 401, route.operation.id).toBe(!isReading(route.access))
    }
  })
})

function isReading(access: (typeof ROUTES)[number]['access']): boolean {
  return (
    access === 'open' || (access !== 'identified' && access.anyOf.some((action) => ['pull', 'audit'].includes(action)))
  )
}

function concrete(expressPath: string, id: string): string {
  return expressPath.replace(/:tag/, 'v1').replace(/:\w+/, id)
}

function expectNothingNamed(answer: Answer): void {
  expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="artifact-store"')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(Object.keys(answer.json as object).sort()).toEqual([
    'detail',
    'instance',
    'request_id',
    'status',
    'title',
    'type',
  ])
}
