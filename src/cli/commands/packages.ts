import type { Command } from 'commander'
import { LIMITS, type PackageJson, type PackagePageJson, paths } from '../../native-api/wire.ts'
import type { CommandContext } from '../context.ts'
import { usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { formatBytes } from '../terminal.ts'
import { collect, examples } from './help-examples.ts'

interface PackagesOptions {
  readonly limit?: string
  readonly all?: boolean
  readonly metadata?: readonly string[]
  readonly [filter: string]: unknown
}

/** Option names, and so the query parameters' names with '_' for '-'. */
const FILTERS = [
  ['producer', 'exactly this producer'],
  ['subject', 'exactly this subject'],
  ['name', 'exactly this name'],
  ['retention-class', 'exactly this class'],
  ['status', 'created, finalized, deleted or erased'],
  ['created-after', 'created at this instant or later (RFC 3339)'],
  ['created-before', 'created before this instant'],
  ['repository', 'in this repository'],
  ['tag', 'with --repository: what this tag names'],
  ['digest', 'with --repository: what this digest names'],
] as const

export function registerPackages(program: Command, run: Runner): void {
  const command = program.command('packages').description('List packages, newest first.')
  for (const [name, description] of FILTERS) command.option(`--${name} <value>`, description)
  command
    .option('--metadata <key=value>', 'with this metadata; repeatable', collect)
    .option('--limit <count>', 'how many at most (20)')
    .option('--all', 'all of them')
    .addHelpText(
      'after',
      examples([
        ['artifactstore packages --producer ops --metadata branch=main', 'what ops pushed from main'],
        ['artifactstore packages --all --json', 'all, as one JSON document'],
      ]),
    )
    .action(
      run(async (context, options: PackagesOptions) => {
        const found = await list(context, options)
        context.result({ packages: found.packages, more: found.more }, () => {
          const header = ['ID', 'CREATED', 'REPOSITORY', 'SUBJECT', 'CLASS', 'STATUS', 'FILES', 'SIZE']
          return found.packages.length === 0 ? 'no packages' : context.table(header, found.packages.map(row))
        })
        if (found.more) context.note('there are more: --limit or --all shows them')
        return undefined
      }),
    )
}

function row(each: PackageJson): string[] {
  return [
    each.id,
    each.created_at.replace(/\.\d+Z$/, 'Z'),
    each.repository,
    each.subject,
    each.retention_class,
    each.status,
    String(each.file_count),
    formatBytes(each.total_size),
  ]
}

async function list(
  context: CommandContext,
  options: PackagesOptions,
): Promise<{ packages: readonly PackageJson[]; more: boolean }> {
  const wanted = options.all ? Number.POSITIVE_INFINITY : parseLimit(options.limit ?? '20')
  const api = context.connect()
  const query = queryOf(options)
  const packages: PackageJson[] = []
  for (;;) {
    query.set('limit', String(Math.min(LIMITS.pageMaximum, wanted - packages.length)))
    const page = await api.json<PackagePageJson>({ path: paths.packages, query })
    packages.push(...page.packages)
    if (page.next_cursor === null) return { packages, more: false }
    if (packages.length >= wanted) return { packages, more: true }
    query.set('cursor', page.next_cursor)
  }
}

function parseLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit > 0) return limit
  throw usageError(`--limit '${text}' is not a count; use a whole number from 1`)
}

function queryOf(options: PackagesOptions): URLSearchParams {
  const query = new URLSearchParams()
  for (const [name] of FILTERS) {
    const value = options[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
    if (typeof value === 'string') query.set(name.replaceAll('-', '_'), value)
  }
  for (const pair of options.metadata ?? []) {
    const equals = pair.indexOf('=')
    if (equals < 1) throw usageError(`--metadata '${pair}' is not key=value`)
    query.set(`metadata.${pair.slice(0, equals)}`, pair.slice(equals + 1))
  }
  return query
}
