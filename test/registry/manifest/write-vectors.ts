/** Rewrites `schemas/vectors/*.json`: `node test/registry/manifest/write-vectors.ts`. Bytes that change are a new format. */
import { writeFileSync } from 'node:fs'
import { vectorFiles } from './vectors.ts'

for (const [name, text] of Object.entries(vectorFiles())) {
  writeFileSync(new URL(`../../../schemas/vectors/${name}`, import.meta.url), text)
}
