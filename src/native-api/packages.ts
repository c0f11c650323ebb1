/** Packages: created, listed, looked at, finalized. */
import { type ApiRequest, EVERYTHING } from '../http/index.ts'
import {
  PACKAGE_STATUSES,
  type PackageFilter,
  type PageRequest,
  parseRepositoryName,
  parseTag,
  type Reference,
  type RepositoryName,
  repositoryOf,
  requireDigest,
} from '../registry/index.ts'
import { type JsonBody, jsonReply, operation } from './operation.ts'
import { fieldInvalid } from './problem.ts'
import type { QueryValues } from './query.ts'
import { hostOf, packageJson } from './representations.ts'
import {
  type FinalizedJson,
  HEADERS,
  LIMITS,
  MEDIA_TYPES,
  type NewPackageJson,
  type PackagePageJson,
  paths,
} from './wire.ts'

export const PAGE_QUERY = {
  limit: {
    kind: 'integer',
    minimum: 1,
    maximum: LIMITS.pageMaximum,
    default: LIMITS.pageDefault,
    description: 'How many to answer with at most',
  },
  cursor: { kind: 'text', description: 'next_cursor of the page before' },
} as const

/** The page that was asked for. */
export function pageOf({ limit, cursor }: QueryValues<typeof PAGE_QUERY>): PageRequest {
  return { limit, ...(cursor === undefined ? {} : { cursor }) }
}

const LIST_QUERY = {
  producer: { kind: 'text', description: 'Exactly this producer' },
  subject: { kind: 'text', description: 'Exactly this subject' },
  name: { kind: 'text', description: 'Exactly this name' },
  retention_class: { kind: 'text', description: 'Exactly this retention class' },
  status: { kind: 'choice', values: PACKAGE_STATUSES, description: 'Exactly this status' },
  created_after: { kind: 'instant', description: 'Created at this instant or later' },
  created_before: { kind: 'instant', description: 'Created before this instant' },
  metadata: {
    kind: 'map',
    description: 'metadata.<key>=<value>: the top-level metadata key has this scalar; several must all match',
  },
  repository: { kind: 'text', description: 'In this OCI repository' },
  tag: { kind: 'text', description: 'With repository: what this tag names' },
  digest: { kind: 'text', description: 'With repository: what this manifest digest names' },
  ...PAGE_QUERY,
} as const

const NEW_PACKAGE: JsonBody<NewPackageJson> = { schema: 'NewPackage' }

export const createPackage = operation({
  id: 'createPackage',
  summary: 'Open a package, to which files are then added',
  headers: {
    [HEADERS.idempotencyKey]:
      'Makes a retry safe: the same key with the same body answers the package of the first call',
  },
  json: NEW_PACKAGE,
  answers: {
    201: { description: 'It is open', content: { [MEDIA_TYPES.json]: 'Package' }, headers: { Location: 'Its path' } },
    200: {
      description: 'The idempotency key was used before: its package',
      content: { [MEDIA_TYPES.json]: 'Package' },
      headers: { [HEADERS.idempotencyReplayed]: 'true', Location: 'Its path' },
    },
  },
  errors: ['metadata-invalid', 'retention-class-unknown', 'repository-taken', 'idempotency-key-reused'],
  async handle({ context, request, body, actor }) {
    request.require({ anyOf: ['push'], on: repositoryOf(body.producer, body.name) })
    const idempotencyKey = idempotencyKeyOf(request.headers['idempotency-key'])
    const { package: made, created } = await context.registry.packages.create({
      name: body.name,
      producer: body.producer,
      subject: body.subject,
      retentionClass: body.retention_class,
      ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      actor,
    })
    return jsonReply(created ? 201 : 200, packageJson(made, hostOf(request)), {
      Location: paths.package(made.id),
      ...(created ? {} : { [HEADERS.idempotencyReplayed]: 'true' }),
    })
  },
})

function idempotencyKeyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = String(header).trim()
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= LIMITS.idempotencyKey) return key
  const rule = `1 to ${LIMITS.idempotencyKey} visible ASCII characters, without spaces`
  throw fieldInvalid(HEADERS.idempotencyKey, `The idempotency key is not acceptable: use ${rule}`)
}

export const listPackages = operation({
  id: 'listPackages',
  summary: 'List packages, newest first',
  description:
    'All filters must match. Packages pushed through /v2/ are listed like any other. Only what the caller may read is listed: ' +
    'a page can then have fewer entries than asked for, and next_cursor all the same.',
  query: LIST_QUERY,
  answers: {
    200: { description: 'One page', content: { [MEDIA_TYPES.json]: 'PackagePage' } },
  },
  errors: ['name-invalid', 'tag-invalid', 'digest-invalid', 'cursor-unknown'],
  async handle({ context, request, query }) {
    const page = await context.registry.packages.list(filterOf(query), pageOf(query), visibleTo(request))
    const host = hostOf(request)
    const answer: PackagePageJson = {
      packages: page.items.map((found) => packageJson(found, host)),
      next_cursor: page.next ?? null,
    }
    return jsonReply(200, answer)
  },
})

/** Undefined for whoever may see everything, which costs nothing to look at. */
export function visibleTo(request: ApiRequest): ((repository: RepositoryName) => boolean) | undefined {
  return request.may('pull', EVERYTHING) ? undefined : (repository) => request.may('pull', repository)
}

function filterOf(query: QueryValues<typeof LIST_QUERY>): PackageFilter {
  const { repository, tag, digest } = query
  if (tag !== undefined && digest !== undefined) throw fieldInvalid('digest', 'Give tag or digest, not both')
  if (repository === undefined && (tag ?? digest) !== undefined) {
    throw fieldInvalid('repository', 'tag and digest name something inside a repository: give repository too')
  }
  const reference: Reference | undefined =
    tag !== undefined ? { tag: parseTag(tag) } : digest !== undefined ? { digest: requireDigest(digest) } : undefined
  return {
    ...defined({
      producer: query.producer,
      subject: query.subject,
      name: query.name,
      retentionClass: query.retention_class,
      status: query.status,
      createdAfter: query.created_after,
      createdBefore: query.created_before,
    }),
    ...(Object.keys(query.metadata).length === 0 ? {} : { metadata: query.metadata }),
    ...(repository === undefined ? {} : { repository: parseRepositoryName(repository) }),
    ...(reference === undefined ? {} : { reference }),
  }
}

function defined<T extends object>(members: T): Partial<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<T>
}

export const PACKAGE_ANSWER = { description: 'The package', content: { [MEDIA_TYPES.json]: 'Package' } } as const

export const getPackage = operation({
  id: 'getPackage',
  summary: 'One package',
  answers: { 200: PACKAGE_ANSWER },
  errors: ['package-unknown'],
  async handle({ context, request, params }) {
    const found = await context.registry.packages.get(params.package_id!)
    return jsonReply(200, packageJson(found, hostOf(request)))
  },
})

const REASON_QUERY = {
  reason: { kind: 'text', description: 'Why; it stays in the log. Must be given' },
} as const

export const deletePackage = operation({
  id: 'deletePackage',
  summary: 'Delete a package; a draft is discarded',
  description:
    'What a class or a hold keeps stays. A tombstone with its events remains; tags on the package go with it, and its bytes with collection.',
  query: REASON_QUERY,
  answers: { 204: { description: 'It is gone' } },
  errors: ['package-unknown', 'retained', 'tag-immutable'],
  async handle({ context, params, query, actor }) {
    if (query.reason === undefined) throw fieldInvalid('reason', 'Say why, as ?reason=: it stays in the log')
    await context.registry.packages.remove(params.package_id!, { reason: query.reason, actor })
    return { status: 204 }
  },
})

export const finalizePackage = operation({
  id: 'finalizePackage',
  summary: 'Close a package: it gets its manifest and never changes again',
  description: 'Writes the canonical manifest and its OCI image manifest, tagged with the package id.',
  answers: {
    200: { description: 'It is finalized', content: { [MEDIA_TYPES.json]: 'Finalized' } },
  },
  errors: ['package-unknown', 'package-finalized', 'package-empty', 'storage-full'],
  async handle({ context, request, params, actor }) {
    const finalized = await context.registry.packages.finalize(params.package_id!, { actor })
    const { oci_absent_reason: usualReason, ...closed } = packageJson(finalized.package, hostOf(request))
    const reason = closed.oci === null ? (finalized.ociAbsentReason ?? usualReason) : undefined
    const absence = reason === undefined ? {} : { oci_absent_reason: reason }
    const answer: FinalizedJson = {
      package_id: closed.id,
      manifest_digest: finalized.manifestDigest,
      package: { ...closed, ...absence },
      oci: closed.oci,
      ...absence,
    }
    return jsonReply(200, answer)
  },
})
