/** Packages of both doors, and the metadata keys by which they are found. */
import canonicalize from 'canonicalize'
import { type Answer, integer, optional, type Sql, type SqlValue, text } from '../database/sql.ts'
import type { RecordedEvent } from '../events/event.ts'
import { searchKeys } from '../metadata/metadata.ts'
import type { Metadata } from '../registry.ts'
import { manifestFacts } from './manifest-facts.ts'
import type { EventOf, View } from './view.ts'

export const packagesView: View = {
  name: 'packages',
  version: 2,
  tables: [
    {
      name: 'packages',
      columns: [
        text('package_id'),
        text('origin'),
        text('status'),
        text('name'),
        text('producer'),
        text('subject'),
        text('retention_class'),
        text('metadata'),
        optional(text('repository_id')),
        optional(text('manifest_digest')),
        optional(text('oci_digest')),
        optional(text('oci_media_type')),
        optional(integer('oci_size')),
        integer('file_count'),
        integer('total_size'),
        text('created_at'),
        text('created_by'),
        optional(text('finalized_at')),
        integer('last_event_sequence'),
      ],
      key: ['package_id'],
      indexes: [
        { columns: ['created_at', 'package_id'] },
        { columns: ['producer', 'created_at', 'package_id'] },
        { columns: ['subject', 'created_at', 'package_id'] },
        { columns: ['name', 'created_at', 'package_id'] },
        { columns: ['repository_id', 'created_at', 'package_id'] },
        { columns: ['retention_class', 'created_at', 'package_id'] },
        { columns: ['status', 'created_at', 'package_id'] },
      ],
    },
    {
      name: 'package_metadata',
      columns: [text('package_id'), text('key'), text('value')],
      key: ['package_id', 'key'],
      indexes: [{ columns: ['key', 'value', 'package_id'] }],
      clustered: true,
    },
  ],
  folds(table) {
    const rows = new PackageRows(table('packages'), table('package_metadata'))
    return {
      on: {
        'v1.package.created': (sql, event) => rows.create(sql, event),
        'v1.retention.default_applied': (sql, event) => rows.change(sql, event),
        'v1.retention.extended': (sql, event) => rows.change(sql, event),
        'v1.retention.class_raised': (sql, event) =>
          rows.change(sql, event, 'retention_class = ?', event.payload.retention_class),
        'v1.retention.hold_applied': (sql, event) => rows.change(sql, event),
        'v1.retention.hold_released': (sql, event) => rows.change(sql, event),
        'v1.retention.deletion_eligible': (sql, event) => rows.change(sql, event),
        'v1.file.ingested': (sql, event) =>
          rows.change(sql, event, 'file_count = file_count + 1, total_size = total_size + ?', event.payload.size),
        'v1.package.finalized': (sql, event) => {
          const digest = `blake3:${Buffer.from(event.payloadDigest).toString('hex')}`
          return rows.change(
            sql,
            event,
            "status = 'finalized', finalized_at = ?, manifest_digest = ?",
            event.createdAt,
            digest,
          )
        },
        'v1.manifest.put': (sql, event) =>
          event.payload.native ? rows.addFace(sql, event) : rows.createFromManifest(sql, event),
        'v1.package.deleted': (sql, event) => rows.change(sql, event, "status = 'deleted'"),
        'v1.package.discarded': (sql, event) => rows.change(sql, event, "status = 'deleted'"),
        'v1.manifest.deleted': (sql, event) => rows.change(sql, event, "status = 'deleted'"),
        'v1.manifest.restored': (sql, event) => rows.change(sql, event, "status = 'finalized'"),
        'v1.package.erased': (sql, event) => rows.erase(sql, event),
      },
      erased: {
        'v1.package.created': (sql, event) => rows.stub(sql, event, 'native'),
        // The face of a native package finds the stub that the package's own creation left.
        'v1.manifest.put': (sql, event) => rows.stub(sql, event, 'oci'),
      },
    }
  },
}

const COLUMNS = [
  'package_id',
  'origin',
  'status',
  'name',
  'producer',
  'subject',
  'retention_class',
  'metadata',
  'repository_id',
  'manifest_digest',
  'oci_digest',
  'oci_media_type',
  'oci_size',
  'file_count',
  'total_size',
  'created_at',
  'created_by',
  'finalized_at',
  'last_event_sequence',
] as const
type PackageColumns = Record<(typeof COLUMNS)[number], SqlValue>

/** What a draft, and a stub, has not: a row is this with its own values over it. */
const NOTHING: PackageColumns = {
  package_id: '',
  origin: '',
  status: '',
  name: '',
  producer: '',
  subject: '',
  retention_class: '',
  metadata: '{}',
  repository_id: null,
  manifest_digest: null,
  oci_digest: null,
  oci_media_type: null,
  oci_size: null,
  file_count: 0,
  total_size: 0,
  created_at: '',
  created_by: '',
  finalized_at: null,
  last_event_sequence: 0,
}

class PackageRows {
  readonly #packages: string
  readonly #metadata: string
  readonly #insert: string

  constructor(packages: string, metadata: string) {
    this.#packages = packages
    this.#metadata = metadata
    this.#insert = `INSERT INTO ${packages} (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`
  }

  async create(sql: Sql, event: EventOf<'v1.package.created'>): Promise<void> {
    const { name, producer, subject, retention_class, repository_id, metadata } = event.payload
    const text = canonicalize(metadata) ?? '{}'
    const own = { name, producer, subject, retention_class, repository_id, metadata: text }
    await this.#put(sql, event, { ...own, origin: 'native', status: 'created' })
    await this.#putMetadata(sql, event.subjectId, metadata as Metadata)
  }

  async createFromManifest(sql: Sql, event: EventOf<'v1.manifest.put'>): Promise<void> {
    const { payload } = event
    const { files, package: facts } = manifestFacts(payload)
    await this.#put(sql, event, {
      origin: 'oci',
      status: 'finalized',
      name: facts.name,
      producer: facts.producer,
      subject: facts.subject,
      retention_class: payload.retention_class,
      metadata: canonicalize(facts.metadata) ?? '{}',
      repository_id: payload.repository_id,
      manifest_digest: payload.digest,
      oci_digest: payload.digest,
      oci_media_type: payload.media_type,
      oci_size: payload.bytes.length,
      file_count: files.length,
      total_size: files.reduce((sum, file) => sum + file.size, 0),
      finalized_at: event.createdAt,
    })
    await this.#putMetadata(sql, event.subjectId, facts.metadata)
  }

  addFace(sql: Sql, event: EventOf<'v1.manifest.put'>): Answer<number> {
    const { digest, media_type, bytes } = event.payload
    return this.change(sql, event, 'oci_digest = ?, oci_media_type = ?, oci_size = ?', digest, media_type, bytes.length)
  }

  /** Changes the package's row, unless it is a stub, and notes the event as its last. */
  change(sql: Sql, event: RecordedEvent, assignments = '', ...values: SqlValue[]): Answer<number> {
    const set = assignments ? `${assignments}, last_event_sequence = ?` : 'last_event_sequence = ?'
    return sql.run(`UPDATE ${this.#packages} SET ${set} WHERE package_id = ? AND status <> 'erased'`, [
      ...values,
      event.sequence,
      event.subjectId,
    ])
  }

  /** An erased package keeps its id, kind and times, whether it was erased live or is folded from erased events. */
  stub(sql: Sql, event: RecordedEvent, origin: string): Answer<number> {
    const row = this.#row(event, { origin, status: 'erased' })
    return sql.run(`${this.#insert} ON CONFLICT (package_id) DO NOTHING`, row)
  }

  async erase(sql: Sql, event: RecordedEvent): Promise<void> {
    const kept: readonly string[] = ['package_id', 'origin', 'created_at', 'created_by']
    const changed = COLUMNS.filter((column) => !kept.includes(column))
    const values = { ...NOTHING, status: 'erased', last_event_sequence: event.sequence }
    await sql.run(`UPDATE ${this.#packages} SET ${changed.map((c) => `${c} = ?`).join(', ')} WHERE package_id = ?`, [
      ...changed.map((column) => values[column]),
      event.subjectId,
    ])
    await sql.run(`DELETE FROM ${this.#metadata} WHERE package_id = ?`, [event.subjectId])
  }

  #put(sql: Sql, event: RecordedEvent, own: Partial<PackageColumns>): Answer<number> {
    return sql.run(this.#insert, this.#row(event, own))
  }

  #row(event: RecordedEvent, own: Partial<PackageColumns>): SqlValue[] {
    const ofEvent = {
      package_id: event.subjectId,
      created_at: event.createdAt,
      created_by: event.actor,
      last_event_sequence: event.sequence,
    }
    const row = { ...NOTHING, ...ofEvent, ...own }
    return COLUMNS.map((column) => row[column])
  }

  async #putMetadata(sql: Sql, id: string, metadata: Metadata): Promise<void> {
    for (const [key, value] of searchKeys(metadata)) {
      await sql.run(`INSERT INTO ${this.#metadata} (package_id, key, value) VALUES (?, ?, ?)`, [id, key, value])
    }
  }
}
