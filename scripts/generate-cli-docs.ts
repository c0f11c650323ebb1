/** Writes docs/cli.md from the commands. With --check it writes nothing and fails when the file differs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cliDocument } from '../src/cli/documents.ts'

const file = new URL('../docs/cli.md', import.meta.url)
if (!process.argv.includes('--check')) writeFileSync(file, cliDocument())
else if (readFileSync(file, 'utf8') !== cliDocument()) {
  console.error('docs/cli.md differs from the commands: run node scripts/generate-cli-docs.ts')
  process.exitCode = 1
}
