/**
 * What the documents promise, run or compared: the tour of README.md (its lines for oras in test/clients), the
 * programs of docs/library.md, the tables of docs/event-log.md, all links.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVENT_TYPES } from '../src/registry/index.ts'
import { markedBlocks } from './docs/marked-blocks.ts'
import { runTour } from './docs/tour.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test('the tour of README.md leaves a log and views that agree', async () => {
  const said = await runTour()
  expect(said).toMatch(/ops\/run-17 +example\.org +raw-evidence +finalized +2/)
  expect(said).toContain('the log is whole')
  expect(said).toContain('no row changed')
  expect(said).toContain('the views equal the log')
})

describe('docs/library.md', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'artifactstore-library-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('its smoke test goes through every layer down to dispose', () => {
    const said = runProgram('smoke-test')
    expect(said).toMatch(/^package: [0-9a-f-]{36}$/m)
    expect(said).toMatch(/^manifest digest: blake3:[0-9a-f]{64}$/m)
    expect(said).toContain("files in manifest: [ 'hello.txt' ]")
    expect(said).toContain('rows that a rebuild from the log changed: 0')
  })

  test('its ref store keeps a pair in a folder and in the registry', () => {
    const said = runProgram('ref-store')
    for (const name of ['file', 'registry']) expect(said).toContain(`${name} state {"serial":42}\nmissing: true`)
  })

  function runProgram(mark: string): string {
    const [code] = markedBlocks(read('docs/library.md'), mark)
    const file = join(folder, `${mark}.ts`)
    writeFileSync(file, code!.replace("'artifact-store'", `'${join(root, 'src/index.ts')}'`))
    const cwd = join(folder, mark)
    mkdirSync(cwd)
    return execFileSync(process.execPath, [file], { cwd, encoding: 'utf8' })
  }
})

describe('docs/event-log.md', () => {
  test('it has a row for every event type and no other', () => {
    const rows = [...read('docs/event-log.md').matchAll(/^\| `(v\d+\.[a-z_.]+)` \|/gm)].map(([, type]) => type)
    expect(rows).toEqual([...EVENT_TYPES])
  })

  test("every field of each type's payload stands in its row", () => {
    const declared = payloadFields(read('src/registry/events/event.ts'))
    const document = read('docs/event-log.md')
    for (const [type, fields] of declared) {
      const row = document.split('\n').find((line) => line.startsWith(`| \`${type}\` |`))
      for (const field of fields) expect(row, type).toContain(`\`${field}\``)
    }
  })
})

test('every row of what an OCI push becomes names a test that exists', () => {
  const [, section] = read('docs/architecture.md').split('## Where an OCI push says nothing')
  const rows = section!
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => /^\| (?!of the package |---)/.test(line))
  expect(rows.length).toBeGreaterThan(5)
  for (const row of rows) {
    const [, name, target] = /\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\) \|$/.exec(row)!
    expect(read(target!)).toContain(`it('${name}'`)
  }
})

test('every relative link of the documents leads to a file', () => {
  const documents = ['.', 'docs', 'adr'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  )
  const broken = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .filter(([, target]) => !existsSync(join(root, dirname(path), target!)))
      .map(([, target]) => `${path} -> ${target}`),
  )
  expect(broken).toEqual([])
})

/** Field names by event type, read from the declaration, so that the document cannot lag behind it. */
function payloadFields(source: string): Map<string, string[]> {
  const body = /export interface EventPayloads \{\n([\s\S]*?)\n\}/.exec(source)![1]!
  const entries = [...body.matchAll(/'(v\d+\.[a-z_.]+)': \{([\s\S]*?)\n? ? ?\}\n/g)]
  return new Map(
    entries.map(([, type, text]) => [type!, [...text!.matchAll(/(?:^|[;{\n])\s*(\w+)\??:/g)].map(([, n]) => n!)]),
  )
}
