/**
 * Working state of access: the keys that sign access tokens, shared by every server of the database, and when an issued
 * token was last used. Issued tokens themselves are a view of the log.
 */
import type { Knex } from 'knex'
import type { DatabaseTraits } from '../src/registry/index.ts'

export const name = '20261125T0900_create_access'
export const compatible = true

export async function up(knex: Knex, { text, integer, bytes }: DatabaseTraits): Promise<void> {
  await knex.raw(`CREATE TABLE token_keys (
    key_id ${text} PRIMARY KEY, secret ${bytes} NOT NULL, created_at ${integer} NOT NULL, retired_at ${integer})`)
  await knex.raw(`CREATE TABLE token_use (token_id ${text} PRIMARY KEY, last_used_at ${integer} NOT NULL)`)
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['token_use', 'token_keys']) await knex.raw(`DROP TABLE ${table}`)
}
