/** The clients from Debian are those that docs/clients.md speaks of, or later ones. */
import { expect, it } from 'vitest'
import { pageTable } from './clients-page.ts'
import { type DebianToolName, debianTool } from './debian-tools.ts'
import { ran } from './run-command.ts'

const clients = pageTable().filter(({ source }) => source === 'Debian 12')

it.each(clients)('$client is at least the version of the page', async ({ client, versions }) => {
  const { stdout, code } = await ran(await debianTool(client as DebianToolName), ['--version'])
  const [found] = /\d+(\.\d+)+/.exec(stdout) ?? []
  console.log(`${client} ${found}`)
  expect(code).toBe(0)
  expect(compare(found!, versions[0]!)).toBeGreaterThanOrEqual(0)
})

function compare(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number)) as [number[], number[]]
  const at = a.findIndex((part, n) => part !== (b[n] ?? 0))
  return at === -1 ? 0 : a[at]! - (b[at] ?? 0)
}
