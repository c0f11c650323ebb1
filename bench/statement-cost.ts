/**
 * What one indexed SELECT costs by the way it is asked: the measurement behind prepared statements on the request path (ADR
 * 0004). 20,000 runs over 10,000 rows, in CPU time, which other load on the machine distorts least. Asserts nothing.
 *
 *     node bench/statement-cost.ts
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import knex from 'knex'

const ROWS = 10_000
const RUNS = 20_000

const folder = await mkdtemp(join(tmpdir(), 'artifactstore-bench-'))
const filename = join(folder, 'statements.db')
const db = new Sqlite(filename)
db.pragma('journal_mode = WAL')
db.exec('CREATE TABLE tags (repository TEXT, tag TEXT, digest TEXT, PRIMARY KEY (repository, tag))')
const insert = db.prepare('INSERT INTO tags VALUES (?, ?, ?)')
db.transaction(() => {
  for (let n = 0; n < ROWS; n++) insert.run('team/report', `v${n}`, `sha256:${'0'.repeat(64)}`)
})()

const builder = knex({ client: 'better-sqlite3', connection: { filename }, useNullAsDefault: true })
const statement = db.prepare('SELECT digest FROM tags WHERE repository = ? AND tag = ?')
const ways: Readonly<Record<string, (tag: string) => unknown>> = {
  'prepared statement of better-sqlite3': (tag) => statement.get('team/report', tag),
  'knex, built': (tag) => builder('tags').select('digest').where({ repository: 'team/report', tag }).first(),
  'knex, raw': (tag) => builder.raw('SELECT digest FROM tags WHERE repository = ? AND tag = ?', ['team/report', tag]),
}

console.log('| one indexed SELECT | microseconds of CPU | a second on one core |')
console.log('|---|---|---|')
for (const [name, ask] of Object.entries(ways)) {
  for (let n = 0; n < 1_000; n++) await ask(`v${n}`)
  const started = process.cpuUsage()
  for (let n = 0; n < RUNS; n++) await ask(`v${(n * 7919) % ROWS}`)
  const { user, system } = process.cpuUsage(started)
  const each = (user + system) / RUNS
  console.log(`| ${name} | ${each.toFixed(1)} | ${Math.round(1e6 / each).toLocaleString('en')} |`)
}
await builder.destroy()
db.close()
await rm(folder, { recursive: true })
