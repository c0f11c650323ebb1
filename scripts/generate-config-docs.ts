/**
 * Writes docs/config.md, .env.example and schemas/config.schema.json from the table of settings. With --check it writes
 * nothing and fails when one of them differs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { configDocuments } from '../src/config/documents.ts'

const isCheck = process.argv.includes('--check')
for (const [path, text] of Object.entries(configDocuments())) {
  const file = new URL(`../${path}`, import.meta.url)
  if (!isCheck) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${path} differs from src/config/settings.ts: run node scripts/generate-config-docs.ts`)
    process.exitCode = 1
  }
}
