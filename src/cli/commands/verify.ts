import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { readTrustedKeys, subjectOf, type TrustedKey, TrustedKeyError } from '../../signing/index.ts'
import type { CommandContext } from '../context.ts'
import { CliError, EXIT, type ExitCode, usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { withProgress } from '../progress.ts'
import { getPackage, parsePackageReference } from '../references.ts'
import { surveyTree } from '../tree.ts'
import { checkRemoteFiles, compareFolder } from '../verify/check-files.ts'
import { checkSignatures, listReferrers } from '../verify/check-signatures.ts'
import type { PackageContent } from '../verify/package-content.ts'
import { conclude, reportJson, reportText, type Verification } from '../verify/report.ts'
import { readWhole } from '../verify/whole-package.ts'
import { collect, examples } from './help-examples.ts'
import { parseConcurrency } from './pull.ts'

interface VerifyOptions {
  readonly key?: readonly string[]
  readonly against?: string
  readonly exclude?: readonly string[]
  readonly concurrency: string
}

export function registerVerify(program: Command, run: Runner): void {
  program
    .command('verify')
    .argument('<package>', 'id, [host/]repository:tag or [host/]repository@digest')
    .description(
      'Hash every file of a package and compare with its manifest; with keys, check who signed it. Believes nothing that the server says of it.',
    )
    .option(
      '--key <file>',
      'public key (PEM, e.g. cosign.pub) that must have signed it; repeatable, one of them is enough',
      collect,
    )
    .option('--against <folder>', 'compare a local folder with the files of the package')
    .option('--exclude <pattern>', 'with --against: leave out of the folder, as in .gitignore; repeatable', collect)
    .option('--concurrency <count>', 'files at once', '4')
    .addHelpText(
      'after',
      examples([
        ['artifactstore verify ops/report:v1', 'is every byte what the manifest says?'],
        [
          'artifactstore verify ops/report@sha256:… --key cosign.pub',
          'exactly this package, and signed: 0; tampered with: 7; not signed by this key: 8',
        ],
        [
          'artifactstore verify ops/report:v1 --against ./report',
          'is the folder here the same? Names what is missing, extra or different',
        ],
      ]),
    )
    .action(run(verify))
}

async function verify(context: CommandContext, reference: string, options: VerifyOptions): Promise<ExitCode> {
  const width = parseConcurrency(options.concurrency)
  const keys = (options.key ?? []).flatMap((file) => readKeys(context, file))
  const folder = options.against === undefined ? undefined : folderOf(context, options.against)
  if (folder === undefined && options.exclude)
    throw usageError('--exclude leaves something out of the folder of --against')
  const asked = parsePackageReference(reference)
  const api = context.connect({ patient: true })
  const found = await getPackage(api, reference)
  if (found.status !== 'finalized') {
    const message = `package ${found.id} is ${found.status === 'created' ? 'not finalized yet' : found.status}`
    throw new CliError({ code: 'package-not-finalized', message, exit: EXIT.conflict })
  }
  const whole = await readWhole(api, found, asked)
  const bytes = whole.files.reduce((sum, { size }) => sum + size, 0)
  const wrong = await withProgress(context, 'verify', bytes, (onBytes) =>
    checkRemoteFiles(api, whole.files, { width, onBytes }),
  )
  const against =
    folder === undefined ? undefined : await compare(context, whole.top, { folder, exclude: options.exclude, width })
  const { ociManifest } = whole.top
  const signatures = ociManifest
    ? await checkSignatures(api, await listReferrers(api, found.id), { subject: subjectOf(ociManifest), keys })
    : []
  const verification: Verification = {
    content: whole.top,
    files: whole.files.length,
    bytes,
    problems: [...whole.problems, ...wrong],
    against,
    signatures,
    keys: keys.map(({ name }) => name),
  }
  const conclusion = conclude(verification)
  context.result(reportJson(verification, conclusion), () => reportText(verification, conclusion, context.table))
  return conclusion.exit
}

/** Keys are called as the user called their file. */
function readKeys(context: CommandContext, file: string): readonly TrustedKey[] {
  try {
    return readTrustedKeys(readFileSync(resolve(context.cwd, file)), file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const problem = error instanceof TrustedKeyError ? error.problem : `cannot be read (${code})`
    throw usageError(`--key ${file} ${problem}`)
  }
}

function folderOf(context: CommandContext, given: string): string {
  const folder = resolve(context.cwd, given)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder
  throw usageError(`--against ${given} is no folder`)
}

async function compare(
  context: CommandContext,
  content: PackageContent,
  options: { folder: string; exclude: readonly string[] | undefined; width: number },
) {
  const { folder, exclude, width } = options
  if (content.isIndex)
    throw usageError('--against: an index has no files of its own; name one of the images that it lists')
  const tree = await surveyTree(folder, exclude)
  const total = tree.files.reduce((sum, { size }) => sum + size, 0)
  const difference = await withProgress(context, 'compare', total, (onBytes) =>
    compareFolder(tree.files, content.files, { width, onBytes }),
  )
  // What no package can hold is in the folder only, whatever it is.
  return { folder, ...difference, extra: [...difference.extra, ...tree.refusals] }
}
