import { chmod } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { CliError, EXIT, usageError } from '../failure.ts'
import { listFiles } from '../package-files.ts'
import { eachParallel } from '../pool.ts'
import type { Runner } from '../program.ts'
import { openProgress } from '../progress.ts'
import { downloadFile } from '../pull/download-file.ts'
import { makeFolders, type PlannedFile, planTargets } from '../pull/target-tree.ts'
import { getPackage } from '../references.ts'
import { formatBytes, plural } from '../terminal.ts'
import { examples } from './help-examples.ts'

interface PullOptions {
  readonly output: string
  readonly force?: boolean
  readonly concurrency: string
}

export function registerPull(program: Command, run: Runner): void {
  program
    .command('pull')
    .argument('<package>', 'id, [host/]repository:tag or [host/]repository@digest')
    .description('Write the files of a package into a folder, each verified before it gets its name.')
    .option('-o, --output <folder>', 'where to', '.')
    .option('--force', 'replace existing files that differ')
    .option('--concurrency <count>', 'files at once', '4')
    .addHelpText(
      'after',
      examples([
        ['artifactstore pull ops/report:v1 -o report', 'into the folder report'],
        ['artifactstore pull ops/report@sha256:…', 'exactly that manifest; what is equal here is not fetched again'],
      ]),
    )
    .action(run(pull))
}

async function pull(context: CommandContext, reference: string, options: PullOptions): Promise<undefined> {
  const width = parseConcurrency(options.concurrency)
  const root = resolve(context.cwd, options.output)
  const api = context.connect({ patient: true })
  const found = await getPackage(api, reference)
  if (found.status !== 'finalized') {
    const message = `package ${found.id} is ${found.status === 'created' ? 'not finalized yet' : found.status}`
    throw new CliError({ code: 'package-not-finalized', message, exit: EXIT.conflict })
  }
  const files = await listFiles(api, found.id)
  const planned = await planTargets(root, files, { force: options.force ?? false })
  const missing = planned.filter(({ isThere }) => !isThere)
  const bytes = missing.reduce((sum, { file }) => sum + file.size, 0)
  const progress = openProgress('pull', bytes, context)
  try {
    await makeFolders(root, '')
    await eachParallel(missing, width, async ({ file, target }) => {
      await makeFolders(root, file.relative_path)
      await downloadFile(api, { file, target, force: options.force ?? false, onBytes: progress.add })
    })
    await restoreModes(planned)
  } finally {
    progress.stop()
  }
  const result = {
    package_id: found.id,
    manifest_digest: found.manifest_digest,
    folder: root,
    files: files.length,
    pulled_files: missing.length,
    pulled_bytes: bytes,
  }
  context.result(result, () => {
    const same = planned.length - missing.length
    const equal = same > 0 ? `, ${plural(same, 'file')} were there` : ''
    return `${plural(missing.length, 'file')} (${formatBytes(bytes)}) pulled into ${root}${equal}`
  })
}

export function parseConcurrency(text: string): number {
  const width = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (width >= 1 && width <= 64) return width
  throw usageError(`--concurrency '${text}' is not valid; use a whole number from 1 to 64`)
}

/** Files that were there already may have been changed in mode only. */
async function restoreModes(planned: readonly PlannedFile[]): Promise<void> {
  for (const { file, target, isThere } of planned) {
    if (isThere && file.mode !== undefined) await chmod(target, Number.parseInt(file.mode, 8) & 0o777)
  }
}
