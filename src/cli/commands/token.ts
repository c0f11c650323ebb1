/** `artifactstore token …`: credentials that the server issues. */
import type { Command } from 'commander'
import { type IssuedTokenJson, paths, type TokenJson, type TokenPageJson } from '../../native-api/wire.ts'
import { allPages } from '../all-pages.ts'
import { parseDuration } from '../duration.ts'
import type { Runner } from '../program.ts'
import { examples } from './help-examples.ts'

interface CreateOptions {
  readonly scope: readonly string[]
  readonly note: string
  readonly expires?: string
}

export function registerToken(program: Command, run: Runner): void {
  const token = program.command('token').description('Issue, list and revoke tokens.')
  registerCreate(token, run)
  registerList(token, run)
  registerRevoke(token, run)
  token
    .command('rotate-key')
    .description('Sign access tokens of /v2/ with a new key from now on; nobody has to log in again.')
    .addHelpText('after', examples([['artifactstore token rotate-key', 'every now and then, or when somebody left']]))
    .action(
      run(async (context) => {
        const rotated = await context
          .connect()
          .json<{ key_id: string; retired: string }>({ method: 'POST', path: paths.tokenKeys })
        context.result(rotated, () => `key ${rotated.key_id} signs from now on; ${rotated.retired} is retired`)
        return undefined
      }),
    )
}

function registerCreate(token: Command, run: Runner): void {
  token
    .command('create')
    .description('Issue a token. It is shown once.')
    .requiredOption('--scope <scope...>', 'repository:<name or pattern>:<action,action>; may be given several times')
    .requiredOption('--note <text>', 'what it is for')
    .option('--expires <duration>', 'after how long it lapses: 90m, 12h, 30d, 52w (else when it is revoked)')
    .addHelpText(
      'after',
      examples([
        [
          "artifactstore token create --scope 'repository:team/*:pull,push' --expires 30d --note ci",
          'for a build machine',
        ],
        [
          "artifactstore token create --scope 'repository:**:audit' --note auditor",
          'reads everything, changes nothing',
        ],
      ]),
    )
    .action(
      run(async (context, options: CreateOptions) => {
        const json = {
          scopes: options.scope,
          note: options.note,
          ...(options.expires === undefined ? {} : { expires_in_seconds: parseDuration(options.expires, '--expires') }),
        }
        const made = await context.connect().json<IssuedTokenJson>({ method: 'POST', path: paths.tokens, json })
        const until = made.expires_at === null ? 'until it is revoked' : `until ${made.expires_at}`
        context.note(`token ${made.id} (${made.note}): ${made.scopes.join(' ')}, ${until}. It is not shown again:`)
        context.result(made, () => made.secret)
        return undefined
      }),
    )
}

function registerList(token: Command, run: Runner): void {
  token
    .command('list')
    .description('List issued tokens, newest first.')
    .addHelpText(
      'after',
      examples([['artifactstore token list', 'who has a token, for what, and when it was last used']]),
    )
    .action(
      run(async (context) => {
        const tokens = await allPages(context.connect(), { path: paths.tokens }, (page: TokenPageJson) => page.tokens)
        context.result({ tokens }, () =>
          context.table(
            ['ID', 'NOTE', 'SCOPES', 'EXPIRES', 'LAST USED', 'STATE'],
            tokens.map((each) => [
              each.id,
              each.note,
              each.scopes.join(' '),
              each.expires_at ?? 'never',
              each.last_used_at ?? 'never',
              stateOf(each),
            ]),
          ),
        )
        return undefined
      }),
    )
}

function registerRevoke(token: Command, run: Runner): void {
  token
    .command('revoke')
    .argument('<id>', 'as token list shows it')
    .option('--reason <text>', 'why, for the log')
    .description('End a token. Every server sees it within a second.')
    .addHelpText(
      'after',
      examples([
        [
          'artifactstore token revoke 0197c0de-0000-7000-8000-000000000000 --reason leaked',
          'the id is from token list',
        ],
      ]),
    )
    .action(
      run(async (context, id: string, options: { reason?: string }) => {
        const query = new URLSearchParams(options.reason === undefined ? {} : { reason: options.reason })
        const revoked = await context.connect().json<TokenJson>({ method: 'DELETE', path: paths.token(id), query })
        context.result(revoked, () => `token ${revoked.id} (${revoked.note}) is revoked since ${revoked.revoked_at}`)
        return undefined
      }),
    )
}

function stateOf(token: TokenJson): string {
  if (token.revoked_at !== null) return 'revoked'
  return token.expires_at !== null && Date.parse(token.expires_at) <= Date.now() ? 'expired' : 'valid'
}
