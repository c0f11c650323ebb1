/**
 * The static part of what CI runs: format and lint, types, the layer rules, generated documents. All of it is run, so
 * that one look shows everything; the exit code is 1 when anything is wrong.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { judge } from '../test/architecture/rules.ts'
import { readTree } from '../test/architecture/source-tree.ts'
import { vectorFiles } from '../test/registry/manifest/vectors.ts'

interface Check {
  readonly name: string
  /** What is wrong, in lines; '' when nothing is. */
  run(): Promise<string>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const module = (path: string) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url))

const CHECKS: readonly Check[] = [
  { name: 'format and lint', run: () => program([module('@biomejs/biome/bin/biome'), 'check', '--colors=off', '.']) },
  { name: 'types', run: () => program([module('typescript/bin/tsc'), '-p', '.', '--pretty', 'false']) },
  { name: 'layers', run: async () => layers() },
  { name: 'lock file', run: () => program(['scripts/complete-lockfile.ts', '--check']) },
  { name: 'schemas/vectors', run: async () => vectors() },
  ...readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.startsWith('generate-'))
    .map((name) => ({
      name: `documents of scripts/${name}`,
      run: () => program([`scripts/${name}`, '--check']),
    })),
]

async function program(args: readonly string[]): Promise<string> {
  try {
    await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
    return ''
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
    return `${stdout ?? ''}${stderr ?? ''}`.trim() || message
  }
}

function layers(): string {
  const sentences = judge(readTree(root, ['src', 'migrations', 'test', 'bench', 'scripts', 'conformance']))
  return [...sentences.values()].flat().join('\n')
}

/** Published bytes: a difference is a new format, not a formality. */
function vectors(): string {
  return Object.entries(vectorFiles())
    .filter(([name, text]) => readFileSync(new URL(`../schemas/vectors/${name}`, import.meta.url), 'utf8') !== text)
    .map(
      ([name]) => `schemas/vectors/${name} is not what the codec makes: node test/registry/manifest/write-vectors.ts`,
    )
    .join('\n')
}

const started = performance.now()
const problems = await Promise.all(
  CHECKS.map(async ({ name, run }) => {
    const problem = await run()
    console.log(problem === '' ? `${name}: fine` : `${name}: NOT fine\n${problem.replace(/^/gm, '  ')}`)
    return problem
  }),
)
const wrong = problems.filter((problem) => problem !== '').length
const seconds = ((performance.now() - started) / 1_000).toFixed(1)
console.log(
  wrong === 0
    ? `All ${CHECKS.length} checks are fine (${seconds} s).`
    : `${wrong} of ${CHECKS.length} checks failed (${seconds} s).`,
)
if (wrong > 0) process.exitCode = 1
