/** `artifactstore jobs …`: the work that a server does by itself. */
import type { Command } from 'commander'
import { paths } from '../../native-api/wire.ts'
import type { Runner } from '../program.ts'
import { examples } from './help-examples.ts'

export function registerJobs(program: Command, run: Runner): void {
  const jobs = program.command('jobs').description('The work that a server does by itself.')
  jobs
    .command('confirm-clock')
    .option('--local', 'in the configured database, without a server; safe beside running ones')
    .description(
      'Say that the clock is right. Nothing expires after it jumped by more than a day, until somebody says so.',
    )
    .addHelpText('after', examples([['artifactstore jobs confirm-clock', 'after a machine was off for days']]))
    .action(
      run(async (context, { local = false }: { local?: boolean }) => {
        const confirmed = local
          ? await context.store.confirmClock()
          : await context.connect().json<{ now: string }>({ method: 'POST', path: paths.clockConfirmation })
        context.result(confirmed, () => `the clock is believed: it says ${confirmed.now}`)
        return undefined
      }),
    )
}
