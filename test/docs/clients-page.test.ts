/** docs/clients.md against the tests of real clients: nothing there that is not pinned, linked and run, and the reverse. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { folderOf, GO_TOOL_NAMES, GO_TOOLS, pinnedVersion } from '../clients/client-tools.ts'
import { pageBlocks, pageTable, readClientsPage } from '../clients/clients-page.ts'
import { DEBIAN_TOOLS, debianPackages } from '../clients/debian-tools.ts'

const folder = fileURLToPath(new URL('../clients', import.meta.url))
const table = pageTable()
const names = table.map(({ client }) => client)
const sources = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }))

describe('the table of docs/clients.md', () => {
  test('names every client that is built with Go, in the versions that are pinned', async () => {
    const pinned: Record<string, string[]> = {}
    for (const name of GO_TOOL_NAMES) {
      const { client } = GO_TOOLS[name]
      const version = (await pinnedVersion(name)).slice(1)
      pinned[client] = [...new Set([...(pinned[client] ?? []), version])]
    }
    const rows = table.filter(({ source }) => source === 'Go')
    expect(Object.fromEntries(rows.map(({ client, versions }) => [client, versions]))).toEqual(pinned)
  })

  test('names every client from Debian; runc is there for those that run containers', () => {
    const rows = table.filter(({ source }) => source === 'Debian 12').map(({ client }) => client)
    const packages = debianPackages()
    expect(packages).toEqual([...new Set<string>(Object.values(DEBIAN_TOOLS))].sort())
    expect([...rows, 'runc'].sort()).toEqual(packages)
  })

  test('links every file of tests, and no other', () => {
    const linked = [...readClientsPage().matchAll(/\.\.\/test\/clients\/([\w-]+\.test\.ts)/g)].map(([, file]) => file!)
    const files = sources.map(({ file }) => file).filter((file) => file.endsWith('.test.ts'))
    expect([...new Set(linked)].sort()).toEqual(files.sort())
    for (const { client, tests } of table) expect([client, tests.length]).not.toEqual([client, 0])
  })

  test('has a section for each client, and each section its row', () => {
    const sections = [...readClientsPage().matchAll(/^## (.+)$/gm)].map(([, title]) => title)
    expect(sections.filter((title) => title !== 'Interrupted transfers')).toEqual(names)
  })
})

describe('the blocks of docs/clients.md', () => {
  const blocks = pageBlocks()

  test('stand in the section of their client', () => {
    const sections = readClientsPage().split(/^## /m).slice(1)
    for (const { client, step } of blocks) {
      const section = sections.find((text) => text.startsWith(`${client}\n`))
      expect(section, `${client} ${step}`).toContain(`\`\`\`sh clients ${client} ${step}\n`)
    }
  })

  test('are each run by a test', () => {
    const all = sources.map(({ text }) => text).join('\n')
    const idle = blocks.filter(({ client, step }) => !runs(client, step).test(all))
    expect(idle).toEqual([])
    // The check itself can fail.
    expect(runs('crane', 'no-such-step').test(all)).toBe(false)
  })

  test('no command of a client stands on the page unmarked', () => {
    const unmarked = [...readClientsPage().matchAll(/^```(?!sh clients )(\S.*)$/gm)].map(([line]) => line)
    expect(unmarked).toEqual([])
  })

  test('tell each client how to log in, or take its credentials in a command', () => {
    const silent = names.filter(
      (name) => !blocks.some((block) => block.client === name && block.script.includes('token.txt')),
    )
    // umoci reads and writes folders; skopeo carries them.
    expect(silent).toEqual(['umoci'])
  })
})

test('every client that is built with Go has a go.mod and a go.sum of its own, and none is left over', () => {
  const folders = [...new Set(GO_TOOL_NAMES.map(folderOf))].sort()
  expect(readdirSync(join(folder, 'tools')).sort()).toEqual(folders)
  for (const name of folders) expect([name, existsSync(join(folder, 'tools', name, 'go.sum'))]).toEqual([name, true])
})

/** A call that runs the block: `page('crane', 'login'`, also where the step is one of two. */
function runs(client: string, step: string): RegExp {
  return new RegExp(`\\bpage(?:Block)?\\('${client}',[^)]*'${step}'`)
}
