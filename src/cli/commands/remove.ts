import type { Command } from 'commander'
import { paths } from '../../native-api/wire.ts'
import type { Runner } from '../program.ts'
import { getPackage } from '../references.ts'
import { examples } from './help-examples.ts'
import { PACKAGE_ARGUMENT } from './retention.ts'

export function registerRemove(program: Command, run: Runner): void {
  program
    .command('rm')
    .argument(...PACKAGE_ARGUMENT)
    .requiredOption('--reason <text>', 'why, for the log')
    .description('Delete a package with all tags on it; a draft is discarded. What a class or a hold keeps stays.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore rm ops/report:v1 --reason "pushed by mistake"', 'retention show says why one may not go'],
      ]),
    )
    .action(
      run(async (context, reference: string, { reason }: { reason: string }) => {
        const api = context.connect()
        const { id } = await getPackage(api, reference)
        await api.request({ method: 'DELETE', path: paths.package(id), query: new URLSearchParams({ reason }) })
        context.result({ package_id: id, deleted: true }, () => `package ${id} is deleted`)
        return undefined
      }),
    )
}
