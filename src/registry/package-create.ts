/** Creating a draft: its fields, its retention class, its repository, and the idempotency key of a request that is retried. */
import { digestWith, hexOf } from '../storage/index.ts'
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'
import { encodeCanonical } from './manifest/canonical-cbor.ts'
import { validateMetadata } from './metadata/metadata.ts'
import type { RepositoryName } from './names.ts'
import { readPackage } from './package-rows.ts'
import type { NewPackage, Package } from './registry.ts'
import { ensureRepository, repositoryOf } from './repositories.ts'
import { expiryOf, type RetentionClass } from './retention/classes.ts'

/** Characters of name, producer and subject. */
const FIELD_LIMIT = 255
const IDEMPOTENCY_KEY_LIMIT = 255
const IDEMPOTENCY_MS = 24 * 60 * 60 * 1_000

export async function createPackage(core: Core, request: NewPackage): Promise<{ package: Package; created: boolean }> {
  for (const field of ['name', 'producer', 'subject'] as const) requireText(field, request[field])
  const retentionClass = core.retentionClasses.require(request.retentionClass)
  validateMetadata(request.metadata ?? {})
  const repository = repositoryOf(request.producer, request.name)
  const key = idempotencyKey(request)
  const { id, created } = await core.recorder.record(request.actor, async (tx, now) => {
    const known = key && (await findKey(tx, request.actor, key, now))
    if (known) return { events: [], result: { id: known, created: false } }
    const made = await draftEvents(core, tx, now, { request, repository, retentionClass })
    if (key) await keepKey(tx, request.actor, key, made.id, now)
    return { events: made.events, result: { id: made.id, created: true } }
  })
  return { package: await readPackage(core.database.reader, id), created }
}

async function draftEvents(
  core: Core,
  tx: Sql,
  now: number,
  draft: { request: NewPackage; repository: RepositoryName; retentionClass: RetentionClass },
): Promise<{ id: string; events: NewEvent[] }> {
  const { request, repository, retentionClass } = draft
  const { producer, name } = request
  const target = await ensureRepository(tx, core, repository, { producer, name })
  if (target.row && (target.row.producer !== producer || target.row.package_name !== name)) {
    const { producer: otherProducer, package_name: otherName } = target.row
    throw new RegistryError(
      'repository-taken',
      `Producer '${producer}' with name '${name}' maps to the repository '${repository}', which belongs to producer '${otherProducer}' with name '${otherName}': use their exact spelling or another name`,
      { field: 'name', repository, producer: otherProducer, name: otherName },
    )
  }
  const id = core.ids.uuid()
  const subject = { subjectKind: 'package', subjectId: id } as const
  return {
    id,
    events: [
      ...target.events,
      {
        type: 'v1.package.created',
        ...subject,
        payload: {
          repository_id: target.id,
          name,
          producer,
          subject: request.subject,
          retention_class: retentionClass.name,
          metadata: request.metadata ?? {},
          salt: core.ids.random(16),
        },
      },
      {
        type: 'v1.retention.default_applied',
        ...subject,
        payload: {
          retention_class: retentionClass.name,
          duration_seconds: retentionClass.durationSeconds,
          expires_at: expiryOf(retentionClass, now),
        },
      },
    ],
  }
}

function requireText(field: string, text: string): void {
  let problem: string | undefined
  if (text.trim() === '') problem = 'it is empty'
  else if (text.length > FIELD_LIMIT) problem = `it is longer than ${FIELD_LIMIT} characters`
  else if (!text.isWellFormed()) problem = 'it is not valid Unicode text'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  else if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) problem = 'it contains a control character'
  if (problem) throw new RegistryError('field-invalid', `The field '${field}' cannot be used: ${problem}`, { field })
}

interface IdempotencyKey {
  readonly key: string
  /** Digest of the request, so that the key of another request is found out. */
  readonly request: Uint8Array
}

function idempotencyKey(request: NewPackage): IdempotencyKey | undefined {
  const key = request.idempotencyKey
  if (key === undefined) return undefined
  if (key === '' || key.length > IDEMPOTENCY_KEY_LIMIT) {
    throw new RegistryError('field-invalid', `An idempotency key has 1 to ${IDEMPOTENCY_KEY_LIMIT} characters`, {
      field: 'Idempotency-Key',
    })
  }
  const { name, producer, subject, retentionClass, metadata = {} } = request
  const encoded = encodeCanonical([name, producer, subject, retentionClass, metadata])
  return { key, request: Buffer.from(hexOf(digestWith('blake3', encoded)), 'hex') }
}

async function findKey(
  tx: Sql,
  actor: string,
  { key, request }: IdempotencyKey,
  now: number,
): Promise<string | undefined> {
  const row = await tx.get<{ request: Uint8Array; package_id: string }>(
    'SELECT request, package_id FROM idempotency_keys WHERE actor = ? AND key = ? AND expires_at > ?',
    [actor, key, now],
  )
  if (!row) return undefined
  if (Buffer.compare(row.request, request) === 0) return row.package_id
  throw new RegistryError(
    'idempotency-key-reused',
    'This idempotency key came with another request before: use a new key for a new package',
    {
      field: 'Idempotency-Key',
      package_id: row.package_id,
    },
  )
}

async function keepKey(
  tx: Sql,
  actor: string,
  { key, request }: IdempotencyKey,
  packageId: string,
  now: number,
): Promise<void> {
  await tx.run(
    `INSERT INTO idempotency_keys (actor, key, request, package_id, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (actor, key) DO UPDATE SET request = excluded.request, package_id = excluded.package_id, expires_at = excluded.expires_at`,
    [actor, key, request, packageId, now + IDEMPOTENCY_MS],
  )
}
