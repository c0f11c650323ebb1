import type { Command } from 'commander'
import { type PackageJson, paths } from '../../native-api/wire.ts'
import type { Runner } from '../program.ts'
import { getPackage } from '../references.ts'
import { examples } from './help-examples.ts'

export function registerTag(program: Command, run: Runner): void {
  program
    .command('tag')
    .argument('<package>', 'id, repository:tag or repository@digest')
    .argument('<tag>', 'the tag to point at it')
    .description('Point a tag of its repository at a package; a tag that exists moves.')
    .addHelpText('after', examples([['artifactstore tag ops/report:v1 stable', 'what is v1 is now also stable']]))
    .action(
      run(async (context, reference: string, tag: string) => {
        const api = context.connect()
        const found = await getPackage(api, reference)
        const tagged = await api.json<PackageJson>({ method: 'PUT', path: paths.packageTag(found.id, tag) })
        context.result(tagged, () => `${tagged.repository}:${tag} is ${tagged.id}`)
        return undefined
      }),
    )
}
