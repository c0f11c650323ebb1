import type { Command } from 'commander'
import { type HealthJson, paths } from '../../native-api/wire.ts'
import { EXIT } from '../failure.ts'
import type { Runner } from '../program.ts'
import { examples } from './help-examples.ts'

export function registerHealth(program: Command, run: Runner): void {
  program
    .command('health')
    .description('Print the health of the server as JSON; 1 when it is degraded.')
    .addHelpText('after', examples([['artifactstore health', 'is the server well?']]))
    .action(
      run(async (context) => {
        // A degraded server answers 503, and says why.
        const api = context.connect()
        const response = await api.request({ path: paths.health, accept: [503] })
        const health = await api.parsed<HealthJson>(response)
        context.result(health, () => JSON.stringify(health, null, 2))
        return health.status === 'ok' ? EXIT.ok : EXIT.failure
      }),
    )
}
