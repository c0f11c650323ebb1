/** Working state of what runs by the clock: when a server last saw it and believed it (core-rules 7). */
import type { Knex } from 'knex'
import type { DatabaseTraits } from '../src/registry/index.ts'

export const name = '20261126T0900_create_clock'
export const compatible = true

export async function up(knex: Knex, { integer }: DatabaseTraits): Promise<void> {
  await knex.raw(`CREATE TABLE clock_mark (id ${integer} PRIMARY KEY, seen_at ${integer} NOT NULL)`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE clock_mark')
}
