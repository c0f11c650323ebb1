/** `login` and `logout`: a token kept for an API URL, so that it need not stand in the environment. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { paths } from '../../native-api/wire.ts'
import { ApiClient } from '../api-client.ts'
import type { CommandContext } from '../context.ts'
import { removeToken, storeToken } from '../credentials.ts'
import { EXIT, usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { NO_RETRY } from '../retry.ts'
import { examples } from './help-examples.ts'

export function registerLogin(program: Command, run: Runner): void {
  program
    .command('login')
    .description('Keep a token for a server, after trying it. Asks for it, or reads it from standard input.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore login --api-url https://store.example', 'asks for the token'],
        ['artifactstore login < token.txt', 'takes it from a file'],
      ]),
    )
    .action(run(login))
  program
    .command('logout')
    .description('Forget the token kept for a server.')
    .addHelpText('after', examples([['artifactstore logout --api-url https://store.example', 'forgets its token']]))
    .action(
      run(async (context) => {
        const removed = removeToken(context.settings, context.apiUrl)
        const text = removed ? `logged out of ${context.apiUrl}` : `no token was kept for ${context.apiUrl}`
        context.result({ api_url: context.apiUrl, removed }, () => text)
        return EXIT.ok
      }),
    )
}

async function login(context: CommandContext): Promise<undefined> {
  const token = (context.options.token ?? (await readToken(context))).trim()
  if (token === '' || /\s/.test(token))
    throw usageError('that is no token: give one word, at the prompt or on standard input')
  const { apiUrl } = context
  const api = new ApiClient({ baseUrl: apiUrl, token, retry: NO_RETRY, userAgent: 'artifactstore' })
  const response = await api.request({ path: paths.packages, query: new URLSearchParams({ limit: '1' }) })
  await response.body?.cancel()
  const file = storeToken(context.settings, apiUrl, token)
  context.result({ api_url: apiUrl, file }, () => `logged in to ${apiUrl}; the token is in ${file}`)
}

async function readToken(context: CommandContext): Promise<string> {
  if (!context.stdin.isTTY) {
    let text = ''
    for await (const piece of context.stdin) text += String(piece)
    return text
  }
  // readline echoes what is typed to its output; this output swallows it.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: context.stdin, output: silent, terminal: true })
  context.stderr.write(`Token for ${context.apiUrl}: `)
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('close', () => reject(usageError('no token was given')))
    })
  } finally {
    context.stderr.write('\n')
    lines.close()
  }
}
