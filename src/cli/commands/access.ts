/** `artifactstore access explain`: which rule lets somebody do something, or that none does. */
import type { Command } from 'commander'
import { type ExplanationJson, paths } from '../../native-api/wire.ts'
import { EXIT } from '../failure.ts'
import type { Runner } from '../program.ts'
import { examples } from './help-examples.ts'

interface ExplainOptions {
  readonly as: string
  readonly repository: string
  readonly action: string
}

export function registerAccess(program: Command, run: Runner): void {
  const access = program.command('access').description('Ask who may do what.')
  access
    .command('explain')
    .description('Say whether somebody may do something in a repository, and which rule decides (exit 4 when not).')
    .requiredOption('--as <name>', "a token's or user's name, token:<id>, or anonymous")
    .requiredOption('--repository <name>', 'where')
    .requiredOption('--action <action>', 'pull, push, delete, tag, admin, retain, hold, release, collect or audit')
    .addHelpText(
      'after',
      examples([
        ['artifactstore access explain --as ci --repository team/app --action push', 'may ci push there, and why'],
        ['artifactstore access explain --as anonymous --repository public/tool --action pull', 'may anybody read it'],
      ]),
    )
    .action(
      run(async (context, options: ExplainOptions) => {
        const query = new URLSearchParams({
          identity: options.as,
          repository: options.repository,
          action: options.action,
        })
        const found = await context.connect().json<ExplanationJson>({ path: paths.accessExplanation, query })
        context.result(found, () => sentence(found))
        return found.allowed ? EXIT.ok : EXIT.denied
      }),
    )
}

function sentence({ identity, known, action, repository, allowed, by }: ExplanationJson): string {
  if (!known) return `there is no identity '${identity}' here, so it may do nothing`
  if (allowed) return `'${identity}' may ${action} in '${repository}', by ${by}`
  return `'${identity}' may not ${action} in '${repository}': no rule allows it`
}
