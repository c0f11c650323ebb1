/** Repositories come into being with the first thing put into them; this maps packages to them (core-rules 21). */
import type { Core } from './core.ts'
import type { Sql } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { NewEvent } from './events/event.ts'
import { parseRepositoryName, REPOSITORY_NAME_LIMIT, type RepositoryName } from './names.ts'

export interface RepositoryRow {
  readonly repository_id: string
  readonly name: string
  readonly producer: string
  readonly package_name: string
}

export async function findRepository(sql: Sql, name: RepositoryName): Promise<RepositoryRow | undefined> {
  return sql.get<RepositoryRow>('SELECT repository_id, name, producer, package_name FROM repositories WHERE name = ?', [
    name,
  ])
}

/** Throws `repository-unknown`. */
export async function getRepository(sql: Sql, name: RepositoryName): Promise<RepositoryRow> {
  const row = await findRepository(sql, name)
  if (row) return row
  throw new RegistryError('repository-unknown', `There is no repository '${name}'`, { field: 'name' })
}

/** The repository's id, with the event that makes it where it is not there yet. */
export async function ensureRepository(
  tx: Sql,
  core: Core,
  name: RepositoryName,
  pair = pairOf(name),
): Promise<{ id: string; row?: RepositoryRow; events: NewEvent[] }> {
  const row = await findRepository(tx, name)
  if (row) return { id: row.repository_id, row, events: [] }
  const id = core.ids.uuid()
  const payload = { name, producer: pair.producer, package_name: pair.name, salt: core.ids.random(16) }
  return { id, events: [{ type: 'v1.repository.created', subjectKind: 'repository', subjectId: id, payload }] }
}

/** What an OCI push implies: the first segment, and the rest; of a single segment both are the whole. */
export function pairOf(repository: RepositoryName): { producer: string; name: string } {
  const slash = repository.indexOf('/')
  if (slash < 0) return { producer: repository, name: repository }
  return { producer: repository.slice(0, slash), name: repository.slice(slash + 1) }
}

/** `<producer>/<name>` in the OCI grammar. Throws `field-invalid`. */
export function repositoryOf(producer: string, name: string): RepositoryName {
  if (producer.includes('/')) throw unusable('producer', producer, "it contains '/'")
  const repository = [normalise('producer', producer), ...name.split('/').map((part) => normalise('name', part))].join(
    '/',
  )
  if (repository.length > REPOSITORY_NAME_LIMIT) {
    throw unusable('name', name, `'${repository.slice(0, 40)}…' is longer than ${REPOSITORY_NAME_LIMIT} characters`)
  }
  return parseRepositoryName(repository)
}

function normalise(field: 'producer' | 'name', text: string): string {
  const normal = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  if (normal === '') throw unusable(field, text, 'it has no letter or digit of a to z and 0 to 9')
  return normal
}

function unusable(field: string, text: string, reason: string): RegistryError {
  return new RegistryError(
    'field-invalid',
    `'${text.slice(0, 120)}' cannot be a ${field}, which names a repository too: ${reason}`,
    { field },
  )
}
