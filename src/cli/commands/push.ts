import { randomUUID } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import type { JsonValue, NewPackageJson, PackageJson } from '../../native-api/wire.ts'
import type { CommandContext } from '../context.ts'
import { usageError } from '../failure.ts'
import { type HashedFile, hashFiles } from '../hash-files.ts'
import { pathProblem } from '../paths.ts'
import type { Runner } from '../program.ts'
import { openProgress, withProgress } from '../progress.ts'
import { pushStream } from '../push/push-stream.ts'
import { type Pushed, pushTree } from '../push/push-tree.ts'
import { formatBytes, plural, printable } from '../terminal.ts'
import { readFileFacts, readTree, type Tree } from '../tree.ts'
import { collect, examples } from './help-examples.ts'
import { parseConcurrency } from './pull.ts'

interface PushOptions {
  readonly name?: string
  readonly producer?: string
  readonly subject?: string
  readonly retentionClass?: string
  readonly metadata?: readonly string[]
  readonly exclude?: readonly string[]
  readonly path?: string
  readonly concurrency: string
  readonly new?: boolean
  readonly dryRun?: boolean
}

export function registerPush(program: Command, run: Runner): void {
  program
    .command('push')
    .argument('<source>', 'a folder, a file, or - for standard input')
    .description('Store a folder or file as a package and finalize it. Run again after any interruption: it goes on.')
    .option('--producer <name>', 'who made it (needed)')
    .option('--subject <name>', 'what it is about (needed)')
    .option('--retention-class <class>', 'how long it must stay, e.g. raw-evidence (needed)')
    .option('--name <name>', 'name of the package (default: of the folder or file)')
    .option('--metadata <key=value|@file.json>', 'metadata as text, or members of a JSON object; repeatable', collect)
    .option('--exclude <pattern>', 'leave out, as in .gitignore; repeatable', collect)
    .option('--path <path>', 'for a file or -: its path in the package')
    .option('--concurrency <count>', 'files at once', '4')
    .option('--new', 'make another package although the same content was pushed before')
    .option('--dry-run', 'say what would be pushed, and push nothing')
    .addHelpText(
      'after',
      examples([
        [
          'artifactstore push ./run-17 --producer ops --subject example.org --retention-class raw-evidence --metadata branch=main',
          'a folder as the package ops / run-17',
        ],
        [
          'tar c logs | artifactstore push - --name logs --path logs.tar --producer ops --subject example.org --retention-class transient',
          'what a pipe brings, as one file',
        ],
      ]),
    )
    .action(run(push))
}

async function push(context: CommandContext, source: string, options: PushOptions): Promise<undefined> {
  const width = parseConcurrency(options.concurrency)
  if (source === '-') return pushStdin(context, options)
  const absolute = resolve(context.cwd, source)
  const request = requestOf(context, options, basename(absolute))
  const tree = await read(absolute, options)
  for (const folder of tree.emptyFolders) context.warn(`${folder}/ is empty, and a package cannot keep it`)
  if (tree.files.length === 0) throw usageError(`there is no file in ${source}`)
  const total = tree.files.reduce((sum, file) => sum + file.size, 0)
  const files = await withProgress(context, 'hash', total, (onBytes) => hashFiles(tree.files, { width, onBytes }))
  if (options.dryRun) return showPlan(context, request, files)
  const api = context.connect({ patient: true })
  const progress = openProgress('push', total, context)
  const nonce = options.new ? { nonce: randomUUID() } : {}
  const { stateFolder } = context.settings
  try {
    const pushed = await pushTree(api, { package: request, files, width, stateFolder, ...nonce }, progress)
    progress.stop()
    show(context, pushed, { empty_folders: tree.emptyFolders })
  } finally {
    progress.stop()
  }
}

async function pushStdin(context: CommandContext, options: PushOptions): Promise<undefined> {
  if (options.name === undefined) throw usageError('standard input has no name: give --name')
  const path = options.path ?? 'stdin'
  const problem = pathProblem(path)
  if (problem) throw usageError(`--path '${path}' cannot be a path in a package: ${problem}`)
  if (options.dryRun) throw usageError('--dry-run reads nothing, and what standard input holds is not known before')
  const request = requestOf(context, options, options.name)
  const api = context.connect({ patient: true })
  const { package: stored, size } = await pushStream(api, { package: request, path, content: context.stdin })
  const files = { there: 0, known: 0, sent: 1 }
  show(context, { package: stored, alreadyPushed: false, files, sentBytes: size }, { empty_folders: [] })
}

async function read(absolute: string, options: PushOptions): Promise<Tree> {
  const found = statSync(absolute, { throwIfNoEntry: false })
  if (!found) throw usageError(`there is no folder or file ${absolute}`)
  if (found.isDirectory()) {
    if (options.path !== undefined) throw usageError('--path is for a single file; a folder keeps its own paths')
    return readTree(absolute, options.exclude)
  }
  if (!found.isFile()) throw usageError(`${absolute} is neither a folder nor a regular file`)
  return { files: [await readFileFacts(absolute, options.path ?? basename(absolute))], emptyFolders: [] }
}

function requestOf(context: CommandContext, options: PushOptions, defaultName: string): NewPackageJson {
  const { producer, subject, retentionClass } = options
  const missing = Object.entries({ '--producer': producer, '--subject': subject, '--retention-class': retentionClass })
    .filter(([, value]) => value === undefined)
    .map(([name]) => name)
  if (missing.length > 0) throw usageError(`${missing.join(', ')} must be given; see artifactstore push --help`)
  const metadata = parseMetadata(options.metadata ?? [], context.cwd)
  return {
    name: options.name ?? defaultName,
    producer: producer!,
    subject: subject!,
    retention_class: retentionClass!,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  }
}

/** `key=value` is text; numbers and the like come from `@file.json`. Later ones win. Throws a usage error. */
export function parseMetadata(given: readonly string[], cwd: string): Record<string, JsonValue> {
  // Without a prototype, so that a key such as `__proto__` is a key like others.
  const metadata: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>
  for (const each of given) {
    if (each.startsWith('@')) Object.assign(metadata, readMetadataFile(resolve(cwd, each.slice(1))))
    else {
      const equals = each.indexOf('=')
      if (equals < 1) throw usageError(`--metadata '${each}' is neither key=value nor @file.json`)
      metadata[each.slice(0, equals)] = each.slice(equals + 1)
    }
  }
  return metadata
}

function readMetadataFile(file: string): Record<string, JsonValue> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, JsonValue>
  } catch (error) {
    throw usageError(`--metadata @${file}: ${(error as Error).message}`)
  }
  throw usageError(`--metadata @${file}: the file must hold one JSON object`)
}

function showPlan(context: CommandContext, request: NewPackageJson, files: readonly HashedFile[]): undefined {
  const plan = files.map(({ path, size, mode, digest }) => ({ path, size, mode: mode.toString(8), digest }))
  context.result({ package: request, files: plan }, () => {
    const rows = files.map(({ path, size, mode, digest }) => [mode.toString(8), formatBytes(size), digest, path])
    return context.table(['MODE', 'SIZE', 'DIGEST', 'PATH'], rows)
  })
  const total = files.reduce((sum, file) => sum + file.size, 0)
  context.note(`would push ${plural(files.length, 'file')}, ${formatBytes(total)}`)
}

function show(context: CommandContext, pushed: Pushed, extra: { empty_folders: readonly string[] }): void {
  const { package: stored, files } = pushed
  const result = {
    package_id: stored.id,
    manifest_digest: stored.manifest_digest,
    reference: stored.oci?.reference ?? null,
    ...(stored.oci_absent_reason === undefined ? {} : { oci_absent_reason: stored.oci_absent_reason }),
    already_pushed: pushed.alreadyPushed,
    files: stored.file_count,
    total_size: stored.total_size,
    sent_files: files.sent,
    sent_bytes: pushed.sentBytes,
    known_files: files.known + files.there,
    ...extra,
  }
  context.result(result, () => (context.options.quiet ? stored.id : lines(stored, context.apiUrl)))
  if (pushed.alreadyPushed) context.note('already pushed: this is the package of the first time (--new makes another)')
  else {
    const skipped = files.known + files.there
    const known = skipped > 0 ? `, ${plural(skipped, 'file')} known to the server` : ''
    context.note(`${plural(files.sent, 'file')} (${formatBytes(pushed.sentBytes)}) sent${known}`)
  }
}

function lines(stored: PackageJson, apiUrl: string): string {
  const rows = [`package   ${stored.id}`, `manifest  ${stored.manifest_digest}`]
  if (stored.oci) rows.push(`pull      oras pull ${plainHttp(apiUrl)}${printable(stored.oci.reference)}`)
  else rows.push(`pull      artifactstore pull ${stored.id}`, `no /v2/   ${printable(stored.oci_absent_reason ?? '')}`)
  return rows.join('\n')
}

/** oras speaks plain HTTP by itself to `localhost` only. */
function plainHttp(apiUrl: string): string {
  const url = new URL(apiUrl)
  return url.protocol === 'http:' && url.hostname !== 'localhost' ? '--plain-http ' : ''
}
