import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { EXIT } from '../failure.ts'
import type { Runner } from '../program.ts'
import { plural } from '../terminal.ts'
import { examples } from './help-examples.ts'

export function registerConfig(program: Command, run: Runner): void {
  const config = program.command('config').description('Check or show the configuration of a server started here.')
  config
    .command('check')
    .description('Say everything that is wrong with the configuration; 78 when something is.')
    .addHelpText('after', examples([['artifactstore config check', 'before a server is restarted']]))
    .action(
      run(async (context) => {
        const { warnings, settings } = readConfiguration(context)
        const given = settings.filter(({ origin }) => origin !== 'default').length
        context.result(
          { valid: true, warnings },
          () => `the configuration is valid (${plural(given, 'setting')} given)`,
        )
        return EXIT.ok
      }),
    )
  config
    .command('show')
    .description('Show every setting, its value and where it comes from; secrets stay hidden.')
    .option('--given', 'only what differs from the defaults')
    .addHelpText('after', examples([['artifactstore config show --given', 'what is set here']]))
    .action(
      run(async (context, options: { given?: boolean }) => {
        const { settings, warnings } = readConfiguration(context)
        const shown = settings.filter(({ origin }) => !options.given || origin !== 'default')
        context.result({ settings: shown, warnings }, () =>
          context.table(
            ['SETTING', 'VALUE', 'FROM'],
            shown.map(({ name, value, origin }) => [name, value, origin]),
          ),
        )
        return EXIT.ok
      }),
    )
}

function readConfiguration(context: CommandContext) {
  const found = context.store.configuration()
  for (const warning of found.warnings) context.warn(warning)
  return found
}
