/**
 * The log and the working state. Views have no migration: their tables are made from `src/registry/views` and rebuilt
 * from the log whenever their version changes.
 *
 * `payload` may be null beside its digest from the first day on, because erasure must be possible without breaking the
 * chain (ADR 0004).
 */
import type { Knex } from 'knex'
import type { DatabaseTraits } from '../src/registry/index.ts'

export const name = '20261120T0900_create_log'
/** Whether servers that do not know this migration may go on beside it. */
export const compatible = false

export async function up(knex: Knex, traits: DatabaseTraits): Promise<void> {
  const { text, integer, bytes } = traits
  await knex.raw(`CREATE TABLE log_head (
    id ${integer} PRIMARY KEY, sequence ${integer} NOT NULL, chain ${bytes} NOT NULL, created_at ${text} NOT NULL, epoch ${text} NOT NULL)`)
  await knex.raw(`CREATE TABLE events (
    sequence ${integer} PRIMARY KEY, created_at ${text} NOT NULL, event_type ${text} NOT NULL, subject_kind ${text} NOT NULL,
    subject_id ${text} NOT NULL, actor ${text} NOT NULL, payload ${bytes}, payload_digest ${bytes} NOT NULL, chain ${bytes} NOT NULL)`)
  await knex.raw('CREATE INDEX ix_events_subject ON events (subject_kind, subject_id, sequence)')
  await knex.raw('CREATE INDEX ix_events_type ON events (event_type, sequence)')
  await knex.raw(
    `CREATE TABLE view_versions (name ${text} PRIMARY KEY, version ${integer} NOT NULL, generation ${text} NOT NULL)`,
  )
  await createWorkingState(knex, traits)
}

async function createWorkingState(knex: Knex, { text, integer, bytes }: DatabaseTraits): Promise<void> {
  await knex.raw(`CREATE TABLE identities (identity_id ${text} PRIMARY KEY, name ${text})`)
  await knex.raw('CREATE UNIQUE INDEX ix_identities_name ON identities (name)')
  await knex.raw(`CREATE TABLE secrets (name ${text} PRIMARY KEY, value ${bytes} NOT NULL)`)
  await knex.raw(`CREATE TABLE uploads (
    upload_id ${text} PRIMARY KEY, store_id ${text} NOT NULL, backend_id ${text} NOT NULL, size ${integer} NOT NULL, state ${text} NOT NULL,
    lease_owner ${text}, lease_until ${integer} NOT NULL, expires_at ${integer} NOT NULL)`)
  await knex.raw('CREATE INDEX ix_uploads_expiry ON uploads (expires_at)')
  await knex.raw(`CREATE TABLE idempotency_keys (
    actor ${text} NOT NULL, key ${text} NOT NULL, request ${bytes} NOT NULL, package_id ${text} NOT NULL, expires_at ${integer} NOT NULL,
    PRIMARY KEY (actor, key))`)
  await knex.raw('CREATE INDEX ix_idempotency_keys_expiry ON idempotency_keys (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['idempotency_keys', 'uploads', 'secrets', 'identities', 'view_versions', 'events', 'log_head']) {
    await knex.raw(`DROP TABLE ${table}`)
  }
}
