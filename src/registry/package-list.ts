/** Packages by filter, newest first, a page at a time: keyset pagination over indexed columns. */
import { decodeCursor, encodeCursor } from './cursors.ts'
import type { Sql, SqlValue } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { RepositoryName } from './names.ts'
import { PACKAGE_COLUMNS, PACKAGE_TABLES, type PackageRow, toPackages } from './package-rows.ts'
import type { Package, PackageFilter, Page, PageRequest, Visible } from './registry.ts'

const PAGE_LIMIT = 1_000
/** Rows looked at for one page by somebody who may see only some of them. */
const SCANNED = 1_000

export async function listPackages(
  sql: Sql,
  filter: PackageFilter,
  page: PageRequest,
  visible?: Visible,
): Promise<Page<Package>> {
  requireLimit(page.limit)
  const where = new Conditions()
  where.equal('p.producer', filter.producer)
  where.equal('p.subject', filter.subject)
  where.equal('p.name', filter.name)
  where.equal('p.retention_class', filter.retentionClass)
  where.equal('p.status', filter.status)
  where.equal('r.name', filter.repository)
  if (filter.createdAfter) where.add('p.created_at >= ?', instant('created_after', filter.createdAfter))
  if (filter.createdBefore) where.add('p.created_at < ?', instant('created_before', filter.createdBefore))
  for (const [key, value] of Object.entries(filter.metadata ?? {})) {
    where.add(
      'EXISTS (SELECT 1 FROM package_metadata pm WHERE pm.package_id = p.package_id AND pm.key = ? AND pm.value = ?)',
      key,
      value,
    )
  }
  const { reference } = filter
  if (reference && 'tag' in reference) {
    where.add('EXISTS (SELECT 1 FROM tags t WHERE t.package_id = p.package_id AND t.name = ?)', reference.tag)
  } else if (reference) {
    where.add('(p.oci_digest = ? OR p.manifest_digest = ?)', reference.digest, reference.digest)
  }
  const isSeen = (row: PackageRow) => !visible || (row.repository !== null && visible(row.repository as RepositoryName))
  const shown: PackageRow[] = []
  let after = page.cursor === undefined ? undefined : (decodeCursor(page.cursor, 2) as Key)
  for (let looked = 0; ; ) {
    const rows = await readRows(sql, where, { after, limit: page.limit + 1 })
    for (const row of rows) {
      // This row proves that there are more than the page has.
      if (after && (shown.length === page.limit || looked === SCANNED)) {
        return { items: await toPackages(sql, shown), next: encodeCursor(...after) }
      }
      after = [row.created_at, row.package_id]
      looked += 1
      if (isSeen(row)) shown.push(row)
    }
    if (rows.length <= page.limit) return { items: await toPackages(sql, shown) }
  }
}

/** A row's place in the list, which goes down. */
type Key = [createdAt: string, id: string]

async function readRows(
  sql: Sql,
  where: Conditions,
  { after, limit }: { after: Key | undefined; limit: number },
): Promise<PackageRow[]> {
  const from = after ? where.and('(p.created_at, p.package_id) < (?, ?)', ...after) : where
  return sql.all<PackageRow>(
    `SELECT ${PACKAGE_COLUMNS} FROM ${PACKAGE_TABLES} ${from.sql()} ORDER BY p.created_at DESC, p.package_id DESC LIMIT ?`,
    [...from.params, limit],
  )
}

/** Throws `field-invalid`. */
export function requireLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE_LIMIT) return
  throw new RegistryError('field-invalid', `A page has 1 to ${PAGE_LIMIT} entries, not ${limit}`, { field: 'limit' })
}

/** As the log writes it. Throws `field-invalid`. */
export function instant(field: string, text: string): string {
  const time = Date.parse(text)
  if (!Number.isNaN(time) && /^\d{4}-\d{2}-\d{2}/.test(text)) return new Date(time).toISOString()
  throw new RegistryError(
    'field-invalid',
    `'${text.slice(0, 40)}' is not a time: use ISO 8601, for example 2026-01-31T12:00:00Z`,
    { field },
  )
}

class Conditions {
  readonly params: SqlValue[] = []
  readonly #parts: string[] = []

  /** These and one more; these stay as they are. */
  and(part: string, ...params: SqlValue[]): Conditions {
    const more = new Conditions()
    for (const each of this.#parts) more.#parts.push(each)
    more.params.push(...this.params)
    more.add(part, ...params)
    return more
  }

  equal(column: string, value: string | undefined): void {
    if (value !== undefined) this.add(`${column} = ?`, value)
  }
  add(part: string, ...params: SqlValue[]): void {
    this.#parts.push(part)
    this.params.push(...params)
  }
  sql(): string {
    return this.#parts.length > 0 ? `WHERE ${this.#parts.join(' AND ')}` : ''
  }
}
