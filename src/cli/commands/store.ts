/** The commands that open the store itself, on the machine that has it. */
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { CommandContext, Progress } from '../context.ts'
import { EXIT, type ExitCode, usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { plural, printable } from '../terminal.ts'
import { examples } from './help-examples.ts'

export function registerStore(program: Command, run: Runner): void {
  program
    .command('serve')
    .description('Run the server, until SIGTERM or Ctrl-C; requests under way are finished first.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore serve', 'on 127.0.0.1:8000, data in ./var'],
        [
          'ARTIFACTSTORE_HOST=0.0.0.0 ARTIFACTSTORE_AUTH_TOKENS=ops:file:/run/secrets/ops artifactstore serve',
          'open to others',
        ],
        ['ARTIFACTSTORE_WORKERS=auto artifactstore serve', 'a process for each core'],
      ]),
    )
    .action(
      run(async (context) => {
        await context.store.serve()
        return EXIT.ok
      }),
    )
  program
    .command('migrate')
    .description('Bring the database up to date. SQLite does so by itself when the server starts.')
    .option('--fresh', 'drop everything first; asks')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples([['artifactstore migrate', 'apply what is pending; nothing when nothing is']]))
    .action(run(migrate))
  program
    .command('replay')
    .description('Rebuild every view from the event log, and say whether any row changed.')
    .addHelpText('after', examples([['artifactstore replay', 'after views were damaged or lost']]))
    .action(run(replay))
  program
    .command('verify-views')
    .description('Compare the views with a rebuild from the event log; 1 when they differ.')
    .addHelpText('after', examples([['artifactstore verify-views --json', 'the differences, for a program']]))
    .action(run(verifyViews))
  program
    .command('verify-log')
    .description('Check the chain of the event log from its first event; 1 when it is broken.')
    .addHelpText('after', examples([['artifactstore verify-log', 'is the log whole?']]))
    .action(run(verifyLog))
}

async function migrate(context: CommandContext, options: { fresh?: boolean; yes?: boolean }): Promise<ExitCode> {
  if (options.fresh && !options.yes && !(await isConfirmed(context))) {
    context.note('nothing was changed')
    return EXIT.failure
  }
  const { applied } = await context.store.migrate({ fresh: options.fresh ?? false })
  context.result({ applied }, () =>
    applied.length === 0 ? 'the database is up to date' : `applied ${applied.join(', ')}`,
  )
  return EXIT.ok
}

async function isConfirmed(context: CommandContext): Promise<boolean> {
  if (!context.stdin.isTTY) throw usageError('--fresh deletes every package; without a terminal to ask on, give --yes')
  const lines = createInterface({ input: context.stdin, output: process.stderr })
  try {
    const database = context.store.configuration().settings.find(({ path }) => path === 'database.url')?.value ?? ''
    const answer = await lines.question(
      `This deletes every package and event in ${printable(database)}. Type 'fresh' to go on: `,
    )
    return answer.trim() === 'fresh'
  } finally {
    lines.close()
  }
}

async function replay(context: CommandContext): Promise<ExitCode> {
  const report = await context.store.replay(progressOf(context, 'replayed'))
  const json = { sequence: report.sequence, events: report.events, changed_rows: report.changedRows }
  context.result(json, () => {
    const changed = report.changedRows === 0 ? 'no row changed' : `${plural(report.changedRows, 'row')} changed`
    return `replayed ${plural(report.events, 'event')} up to sequence ${report.sequence}: ${changed}`
  })
  return EXIT.ok
}

async function verifyViews(context: CommandContext): Promise<ExitCode> {
  const { sequence, rows, differences } = await context.store.verifyViews(progressOf(context, 'folded'))
  context.result({ sequence, rows, differences }, () => {
    if (differences.length === 0) return `${plural(rows, 'row')} at sequence ${sequence}: the views equal the log`
    const lines = differences.map(
      ({ table, key, live, rebuilt }) =>
        `  ${table} ${key}\n    live    ${live ?? '(missing)'}\n    rebuilt ${rebuilt ?? '(missing)'}`,
    )
    const head = `the views differ from the log; artifactstore replay rebuilds them. First ${plural(differences.length, 'difference')}:`
    return [head, ...lines].join('\n').split('\n').map(printable).join('\n')
  })
  return differences.length === 0 ? EXIT.ok : EXIT.failure
}

async function verifyLog(context: CommandContext): Promise<ExitCode> {
  const report = await context.store.verifyLog(progressOf(context, 'checked'))
  const json = {
    events: report.events,
    head: report.head,
    broken_at: report.brokenAt ?? null,
    problem: report.problem ?? null,
  }
  context.result(json, () =>
    report.brokenAt === undefined
      ? `${plural(report.events, 'event')} up to sequence ${report.head}: the log is whole`
      : `the log is broken at sequence ${report.brokenAt}: ${printable(report.problem ?? '')}`,
  )
  return report.brokenAt === undefined ? EXIT.ok : EXIT.failure
}

const NOTE_EVERY_MS = 2_000

function progressOf(context: CommandContext, verb: string): (progress: Progress) => void {
  let notedAt = performance.now()
  return ({ done, total }) => {
    if (performance.now() - notedAt < NOTE_EVERY_MS) return
    notedAt = performance.now()
    context.note(`${verb} ${done.toLocaleString('en-US')} of ${plural(total, 'event')}`)
  }
}
