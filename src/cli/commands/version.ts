import type { Command } from 'commander'
import type { Runner } from '../program.ts'
import { examples } from './help-examples.ts'

export function registerVersion(program: Command, run: Runner): void {
  program
    .command('version')
    .description('Print the version of this command.')
    .addHelpText('after', examples([['artifactstore version --json', 'version of the command and of its Node']]))
    .action(
      run(async (context) => {
        const { version } = context
        context.result({ version, node: process.versions.node }, () => version)
        return undefined
      }),
    )
}
