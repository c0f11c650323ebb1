/**
 * Makes `dist/` for publishing: `tsc` writes JavaScript and declarations, and what is not TypeScript is copied beside
 * it. A checkout needs none of it, because Node runs the source.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

// From nothing: a file that was renamed must not stay in the package under its old name.
rmSync(`${root}/dist`, { recursive: true, force: true })
const tsc = fileURLToPath(new URL('./bin/tsc', import.meta.resolve('typescript/package.json')))
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
cpSync(`${root}/src`, `${root}/dist/src`, {
  recursive: true,
  filter: (source) => statSync(source).isDirectory() || !source.endsWith('.ts'),
})
