/** docs/clients.md as the tests read it: the lines that it promises, and its table of clients. */
import { readFileSync } from 'node:fs'
import { fences } from '../docs/marked-blocks.ts'

/** Where the page's commands go; a test puts its own server there. */
export const PAGE_SERVER = 'localhost:8000'

export interface PageRow {
  /** The client's name, which is also the first mark of its blocks. */
  readonly client: string
  /** Versions as text, in the order of the row. */
  readonly versions: readonly string[]
  readonly source: 'Go' | 'Debian 12'
  /** File names in test/clients. */
  readonly tests: readonly string[]
}

export interface PageBlock {
  readonly client: string
  readonly step: string
  readonly script: string
}

export function readClientsPage(): string {
  return readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')
}

/** Every block marked ```sh clients <client> <step>. */
export function pageBlocks(page = readClientsPage()): PageBlock[] {
  return fences(page)
    .filter(({ marks }) => marks[0] === 'clients')
    .map(({ marks, content }) => ({ client: marks[1] ?? '', step: marks[2] ?? '', script: content }))
}

/** The lines of one block, which must be there once. */
export function pageBlock(client: string, step: string): string {
  const found = pageBlocks().filter((block) => block.client === client && block.step === step)
  if (found.length !== 1) throw new Error(`docs/clients.md has ${found.length} blocks 'sh clients ${client} ${step}'`)
  return found[0]!.script
}

/** Rows `| [client](#…) | versions | source | [x.test.ts](../test/clients/x.test.ts) … |`. */
export function pageTable(page = readClientsPage()): PageRow[] {
  return [...page.matchAll(/^\| \[([^\]]+)\]\(#[^)]+\) \| ([^|]+) \| (Go|Debian 12) \| ([^|]+) \|$/gm)].map(
    ([, client, versions, source, tests]) => ({
      client: client!,
      versions: versions!.trim().split(/, */),
      source: source as PageRow['source'],
      tests: [...tests!.matchAll(/\]\(\.\.\/test\/clients\/([^)]+)\)/g)].map(([, file]) => file!),
    }),
  )
}
