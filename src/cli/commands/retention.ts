/** `artifactstore retention …`: how long a package stays. */
import type { Command } from 'commander'
import {
  paths,
  type RetentionChangeJson,
  type RetentionClassJson,
  type RetentionHistoryJson,
  type RetentionJson,
  type SweepJson,
} from '../../native-api/wire.ts'
import { allPages } from '../all-pages.ts'
import type { ApiClient } from '../api-client.ts'
import type { StoreCommands } from '../context.ts'
import { parseDuration } from '../duration.ts'
import { usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { getPackage } from '../references.ts'
import { plural, printable } from '../terminal.ts'
import { examples } from './help-examples.ts'

export const PACKAGE_ARGUMENT = ['<package>', 'id, repository:tag or repository@digest'] as const

export function registerRetention(program: Command, run: Runner): void {
  const retention = program.command('retention').description('See and change how long a package stays.')
  registerShow(retention, run)
  registerExtend(retention, run)
  registerRaise(retention, run)
  registerHistory(retention, run)
  registerSweep(retention, run)
  registerClasses(retention, run)
}

function registerShow(retention: Command, run: Runner): void {
  retention
    .command('show')
    .argument(...PACKAGE_ARGUMENT)
    .description(
      'Show until when a package stays, and what else keeps it: holds, the indexes that list it, its subject.',
    )
    .addHelpText(
      'after',
      examples([['artifactstore retention show ops/report:v1', 'may it be deleted, and if not, why']]),
    )
    .action(
      run(async (context, reference: string) => {
        const api = context.connect()
        const { id } = await getPackage(api, reference)
        const state = await api.json<RetentionJson>({ path: paths.retention(id) })
        context.result(state, () => stateText(state))
        return undefined
      }),
    )
}

function registerExtend(retention: Command, run: Runner): void {
  retention
    .command('extend')
    .argument(...PACKAGE_ARGUMENT)
    .option('--until <time>', 'the new expiry, ISO 8601, for example 2030-01-31T00:00:00Z')
    .option('--by <duration>', 'instead: how much longer than now set: 90d, 52w')
    .requiredOption('--reason <text>', 'why, for the log')
    .description('Keep a package for longer than it is kept now.')
    .addHelpText(
      'after',
      examples([['artifactstore retention extend ops/report:v1 --by 52w --reason "audit 2026-14"', 'one year more']]),
    )
    .action(
      run(async (context, reference: string, options: { until?: string; by?: string; reason: string }) => {
        const api = context.connect()
        const { id } = await getPackage(api, reference)
        const json = { new_expires_at: await newExpiry(api, id, options), reason: options.reason }
        const state = await api.json<RetentionJson>({ method: 'POST', path: paths.retentionExtensions(id), json })
        context.result(state, () => `package ${id} stays until ${state.expires_at}`)
        return undefined
      }),
    )
}

async function newExpiry(api: ApiClient, id: string, { until, by }: { until?: string; by?: string }): Promise<string> {
  if ((until === undefined) === (by === undefined)) throw usageError('give either --until or --by')
  if (until !== undefined) {
    const time = Date.parse(until)
    if (Number.isNaN(time)) throw usageError(`--until '${until}' is not a time; use for instance 2030-01-31T00:00:00Z`)
    return new Date(time).toISOString()
  }
  const seconds = parseDuration(by!, '--by')
  const { expires_at } = await api.json<RetentionJson>({ path: paths.retention(id) })
  // Without an expiry there is nothing to add to: the server says so, whatever time it is asked for.
  const from = expires_at === null ? Date.now() : Date.parse(expires_at)
  return new Date(from + seconds * 1_000).toISOString()
}

function registerRaise(retention: Command, run: Runner): void {
  retention
    .command('raise')
    .argument(...PACKAGE_ARGUMENT)
    .argument('<class>', 'one that keeps at least as long; retention classes lists them')
    .requiredOption('--reason <text>', 'why, for the log')
    .description('Give a package a class that keeps it for longer.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore retention raise ops/report:v1 release-evidence --reason "it was released"', 'for seven years'],
      ]),
    )
    .action(
      run(async (context, reference: string, name: string, options: { reason: string }) => {
        const api = context.connect()
        const { id } = await getPackage(api, reference)
        const json = { retention_class: name, reason: options.reason }
        const state = await api.json<RetentionJson>({ method: 'PUT', path: paths.packageClass(id), json })
        context.result(state, () => `package ${id} is kept as ${state.retention_class} ${untilText(state.expires_at)}`)
        return undefined
      }),
    )
}

function registerHistory(retention: Command, run: Runner): void {
  retention
    .command('history')
    .argument(...PACKAGE_ARGUMENT)
    .description('Show who changed how long a package stays, when and why, from the event log.')
    .addHelpText('after', examples([['artifactstore retention history ops/report:v1', 'oldest first']]))
    .action(
      run(async (context, reference: string) => {
        const api = context.connect()
        const { id } = await getPackage(api, reference)
        const listing = { path: paths.retentionHistory(id) }
        const changes = await allPages(api, listing, (page: RetentionHistoryJson) => page.changes)
        context.result({ changes }, () =>
          context.table(
            ['SEQUENCE', 'AT', 'ACTOR', 'WHAT', 'REASON'],
            changes.map((each) => [String(each.sequence), each.at, each.actor, changeText(each), each.reason ?? '']),
          ),
        )
        return undefined
      }),
    )
}

function registerSweep(retention: Command, run: Runner): void {
  retention
    .command('sweep')
    .option('--dry-run', 'only say what would be marked')
    .option('--local', 'in the configured database, without a server; safe beside running ones')
    .description('Mark packages whose time is over, and that nobody holds, as eligible for deletion. Deletes nothing.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore retention sweep --dry-run', 'what is over'],
        ['artifactstore retention sweep --local', 'from cron, on the machine that has the database'],
      ]),
    )
    .action(
      run(async (context, { dryRun = false, local = false }: { dryRun?: boolean; local?: boolean }) => {
        const report = local ? await sweepHere(context.store, dryRun) : await sweepThere(context.connect(), dryRun)
        context.result(report, () => {
          const marked = `${plural(report.eligible, 'package')} ${dryRun ? 'would be' : 'marked as'} eligible for deletion`
          return [`${marked}, ${report.held} held`, ...report.packages.map((id) => `  ${id}`)].join('\n')
        })
        return undefined
      }),
    )
}

async function sweepHere(store: StoreCommands, dryRun: boolean): Promise<SweepJson> {
  const { eligible, held, packages } = await store.sweepRetention({ dryRun })
  return { dry_run: dryRun, eligible, held, packages }
}

function sweepThere(api: ApiClient, dryRun: boolean): Promise<SweepJson> {
  return api.json<SweepJson>({ method: 'POST', path: paths.retentionSweeps, json: { dry_run: dryRun } })
}

function registerClasses(retention: Command, run: Runner): void {
  retention
    .command('classes')
    .description('List the retention classes of the server, the weakest first.')
    .addHelpText('after', examples([['artifactstore retention classes', 'what push --retention-class takes']]))
    .action(
      run(async (context) => {
        const answer = await context
          .connect()
          .json<{ retention_classes: RetentionClassJson[] }>({ path: paths.retentionClasses })
        context.result(answer, () =>
          context.table(
            ['CLASS', 'KEEPS FOR'],
            answer.retention_classes.map(({ name, default_duration_seconds: seconds }) => [
              name,
              seconds === null ? 'no expiry' : keepsFor(seconds),
            ]),
          ),
        )
        return undefined
      }),
    )
}

function keepsFor(seconds: number): string {
  return seconds < 86_400 ? plural(seconds, 'second') : `${Math.round((seconds / 86_400) * 10) / 10} days`
}

function stateText(state: RetentionJson): string {
  const standing = state.holds.filter((hold) => hold.released_at === null)
  const lines = [
    `package    ${state.package_id}`,
    `class      ${printable(state.retention_class)}`,
    `expires    ${state.expires_at ?? 'never'}`,
    `deletable  ${state.eligible ? 'yes' : 'no'}`,
    ...standing.map(
      (hold) =>
        `hold       ${hold.hold_id} by ${printable(hold.applied_by)} since ${hold.applied_at}: ${printable(hold.reason)}${hold.case === null ? '' : ` (${printable(hold.case)})`}`,
    ),
    ...state.kept_by.map(
      (keeper) =>
        `kept by    ${keeper.package_id} as ${printable(keeper.retention_class)} ${untilText(keeper.expires_at)}${keeper.holds.length > 0 ? ', held' : ''}`,
    ),
  ]
  return lines.join('\n')
}

function untilText(expiresAt: string | null): string {
  return expiresAt === null ? 'without an end' : `until ${expiresAt}`
}

const WHAT: Readonly<Record<string, (change: RetentionChangeJson) => string>> = {
  'v1.retention.default_applied': (change) => `${change.retention_class}, ${untilText(change.expires_at ?? null)}`,
  'v1.retention.extended': (change) => `extended ${untilText(change.expires_at ?? null)}`,
  'v1.retention.class_raised': (change) =>
    `raised to ${change.retention_class}, ${untilText(change.expires_at ?? null)}`,
  'v1.retention.hold_applied': (change) => `hold ${change.hold_id}${change.case ? ` for ${change.case}` : ''}`,
  'v1.retention.hold_released': (change) => `released ${change.hold_id}`,
  'v1.retention.deletion_eligible': () => 'its time is over',
}

function changeText(change: RetentionChangeJson): string {
  return WHAT[change.event_type]?.(change) ?? change.event_type
}
